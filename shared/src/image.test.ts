import { describe, expect, test } from "vitest";
import { checkImage, imageFileName, imagesProblem } from "./image.ts";
import { MAX_IMAGE_BYTES, MAX_IMAGES, MAX_IMAGES_BYTES } from "./limits.ts";

const bytes = (text: string, more = 4): Uint8Array => Uint8Array.from([...text, ..."x".repeat(more)], (char) => char.charCodeAt(0));

describe("[SSH18] what an image is", () => {
  test.each([
    ["png", "\x89PNG\r\n\x1a\n"],
    ["jpeg", "\xff\xd8\xff\xe0"],
    ["gif", "GIF87a"],
    ["gif", "GIF89a"],
    ["webp", "RIFF\x01\x02\x03\x04WEBPVP8 "],
  ])("%s, by how it begins", (type, beginning) => {
    expect(checkImage(bytes(beginning), "it", "f")).toEqual({ ok: true, value: type });
    // One that ends before that is none.
    expect(checkImage(bytes(beginning.slice(0, 2), 0), "it", "f")).toMatchObject({ ok: false, error: { code: "image_invalid" } });
  });
  test.each([
    ["text", "hello"],
    ["SVG, which is a program to some", "<svg xmlns='http://www.w3.org/2000/svg'>"],
    ["PDF", "%PDF-1.7"],
    ["a sound in the container of WebP", "RIFF\x01\x02\x03\x04WAVE"],
    ["a script that says it is one", "#!/bin/sh\n# PNG"],
  ])("not %s", (_what, text) => {
    expect(checkImage(bytes(text), "'a.png'", "images[1]")).toMatchObject({
      ok: false,
      error: { code: "image_invalid", field: "images[1]", detail: /'a\.png'/, hint: /PNG, JPEG, GIF and WebP/ },
    });
  });
  test("not one that is empty, nor one that is too large", () => {
    expect(checkImage(new Uint8Array(0), "it", "f")).toMatchObject({ error: { code: "image_invalid", detail: "it is empty." } });
    const large = new Uint8Array(MAX_IMAGE_BYTES + 1);
    large.set(bytes("GIF89a", 0));
    expect(checkImage(large, "it", "f")).toMatchObject({ error: { code: "image_too_large", field: "f", hint: /5 MiB/ } });
    expect(checkImage(large.subarray(0, MAX_IMAGE_BYTES), "it", "f").ok).toBe(true);
  });
  test("not too many, and not too much together", () => {
    expect(imagesProblem(MAX_IMAGES, MAX_IMAGES_BYTES, "f")).toBeUndefined();
    expect(imagesProblem(MAX_IMAGES + 1, 0, "f")).toMatchObject({ code: "image_limit", field: "f" });
    expect(imagesProblem(2, MAX_IMAGES_BYTES + 1, "f")).toMatchObject({ code: "image_limit", hint: /10 MiB/ });
  });
});

describe("[SSH18] its file", () => {
  test.each([
    ["screen.png", "png", "1-screen.png"],
    ["photo.JPEG", "jpeg", "1-photo.jpg"],
    // What it is called says nothing of what it is.
    ["really.png", "gif", "1-really.gif"],
    ["../../etc/passwd", "png", "1-passwd.png"],
    ["C:\\pictures\\one.webp", "webp", "1-one.webp"],
    ["$(touch x) `id` 'a' \"b\".png", "png", "1-touch-x-id-a-b.png"],
    ["-rf.png", "png", "1-rf.png"],
    ["..", "png", "1-image.png"],
    ["日本.png", "png", "1-image.png"],
    [undefined, "jpeg", "1-image.jpg"],
    ["x".repeat(300), "png", `1-${"x".repeat(64)}.png`],
  ] as const)("%j as %s: %s", (name, type, file) => {
    expect(imageFileName(name, type, 0)).toBe(file);
  });
  test("two of one name are two files", () => {
    expect([imageFileName("a.png", "png", 0), imageFileName("a.png", "png", 1)]).toEqual(["1-a.png", "2-a.png"]);
  });
});
