import { describe, expect, it } from "vitest";
import { MAX_IMAGE_BYTES } from "@maestro/shared/limits";
import { bodyOf, emptyDraft, placeOfError } from "./draft.ts";
import { readImages, withImages } from "./images.ts";

const bytes = (size: number): Uint8Array<ArrayBuffer> => {
  const image = Uint8Array.from({ length: size }, (_, at) => (at * 31) & 0xff);
  image.set(Uint8Array.from("\x89PNG\r\n\x1a\n", (char) => char.charCodeAt(0)));
  return image;
};
const file = (name: string, size = 100_000): File => new File([bytes(size)], name);

describe("[SSH18] images of a prompt", () => {
  it("are sent as they are, beside those that were chosen before", async () => {
    const first = withImages([], await readImages([file("a.png")]));
    if (!first.ok) throw new Error(first.error.detail);
    const both = withImages(first.value, await readImages([file("b.png", 99_999), file("c.png", 99_998)]));
    if (!both.ok) throw new Error(both.error.detail);
    const body = bodyOf({ ...emptyDraft, prompt: "Look.", agents: ["eyes"], images: both.value });
    expect(body).toMatchObject({ ok: true, value: { prompt: "Look.", images: [{ name: "a.png" }, { name: "b.png" }, { name: "c.png" }] } });
    expect(both.value.map(({ data }) => Buffer.from(data, "base64"))).toEqual(
      [100_000, 99_999, 99_998].map((size) => Buffer.from(bytes(size))),
    );
  });

  it("are left out of a command, and of a request that has none", () => {
    const images = [{ name: "a.png", bytes: 1, data: "" }];
    const command = bodyOf({ ...emptyDraft, kind: "command", command: "ls", images });
    expect(command.ok && command.value).not.toHaveProperty("images");
    const prompt = bodyOf({ ...emptyDraft, prompt: "Do it.", agents: ["a"] });
    expect(prompt.ok && prompt.value).not.toHaveProperty("images");
  });

  it("that are none, or too large, or too many, are told at once, and none is taken", async () => {
    expect(await readImages([file("a.png"), new File(["hello"], "b.png")])).toMatchObject({
      ok: false,
      error: { code: "image_invalid", field: "images", detail: /'b\.png'/ },
    });
    expect(await readImages([file("a.png", MAX_IMAGE_BYTES + 1)])).toMatchObject({ error: { code: "image_too_large" } });
    const [many, few] = await Promise.all([8, 3].map((count) => readImages(Array.from({ length: count }, () => file("a.png", 10)))));
    if (many?.ok !== true || few === undefined) throw new Error("Ten go.");
    expect(withImages([], many)).toEqual(many);
    expect(withImages(many.value, few)).toMatchObject({ error: { code: "image_limit" } });
  });

  it("refused by the server, the field says so", () => {
    expect(placeOfError({ code: "image_invalid", field: "images[1]" })).toBe("images");
  });
});
