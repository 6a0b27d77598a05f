import { describe, expect, test } from "vitest";
import { MAX_IMAGE_BYTES, MAX_IMAGES } from "@maestro/shared/limits";
import { fromBase64 } from "../requests/base64.ts";
import { readImages } from "./images.ts";

const png = (bytes = 16): Buffer => Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(Math.max(0, bytes - 8), 1)]);
const GOOD = png().toString("base64");

describe("base64", () => {
  test("of every length and every byte is what it was", () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) % 256));
      expect(Buffer.from(fromBase64(bytes.toString("base64")) ?? [])).toEqual(bytes);
    }
  });
  test.each(["a", "ab", "abc", "ab=c", "abcd=", "====", "ab==cd==", "ab\ncd===", "ab-_", "abc\u00e9", " abcd", "{}()"])(
    "%j is none",
    (text) => {
      expect(fromBase64(text)).toBeUndefined();
    },
  );
});

describe("[SSH18] images of a task", () => {
  test("come in base64 or as data URLs, with a name or without", () => {
    const read = readImages([{ name: "a b.png", data: GOOD }, `data:image/png;base64,${GOOD}`, { data: `data:;base64,${GOOD}` }]);
    expect(read).toMatchObject({
      ok: true,
      value: [
        { name: "1-a-b.png", type: "png" },
        { name: "2-image.png", type: "png" },
        { name: "3-image.png", type: "png" },
      ],
    });
    if (read.ok) expect(Buffer.from(read.value[0]?.bytes ?? [])).toEqual(png());
  });
  test("what a data URL says it is does not matter", () => {
    expect(readImages([`data:text/html;base64,${GOOD}`])).toMatchObject({ ok: true, value: [{ type: "png" }] });
    expect(readImages([`data:image/png;base64,${Buffer.from("<html>").toString("base64")}`])).toMatchObject({
      ok: false,
      error: { code: "image_invalid" },
    });
  });
  test.each([
    ["no base64", "%%%", "image_invalid"],
    ["a data URL that is not in base64", "data:image/svg+xml,<svg/>", "image_invalid"],
    ["a data URL without data", "data:image/png;base64", "image_invalid"],
    ["a broken data URL", `data:image/png;base64,${GOOD.slice(0, -1)}`, "image_invalid"],
    ["nothing", "data:image/png;base64,", "image_invalid"],
    ["no image", Buffer.from("hello").toString("base64"), "image_invalid"],
    ["too large a one", png(MAX_IMAGE_BYTES + 1).toString("base64"), "image_too_large"],
  ])("%s is refused by its place, not left out", (_what, data, code) => {
    expect(readImages([GOOD, { name: "bad.png", data }])).toMatchObject({
      ok: false,
      error: { code, field: "images[1]", detail: /'bad\.png'/ },
    });
  });
  test("too many, and too much together", () => {
    expect(readImages(Array.from({ length: MAX_IMAGES + 1 }, () => GOOD))).toMatchObject({
      error: { code: "image_limit", field: "images" },
    });
    const large = png(MAX_IMAGE_BYTES).toString("base64");
    expect(readImages([large, large]).ok).toBe(true);
    expect(readImages([large, large, GOOD])).toMatchObject({ error: { code: "image_limit", field: "images" } });
  });
});
