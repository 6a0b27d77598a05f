/** Images that go with a prompt: what one is, its first bytes say, and its name does not matter for that. */
import { maestroError, type MaestroError } from "./errors.ts";
import { MAX_IMAGE_BYTES, MAX_IMAGES, MAX_IMAGES_BYTES } from "./limits.ts";
import { err, ok, type Result } from "./result.ts";

export const IMAGE_TYPES = ["png", "jpeg", "gif", "webp"] as const;
export type ImageType = (typeof IMAGE_TYPES)[number];

const ENDINGS: Readonly<Record<ImageType, readonly [string, ...string[]]>> = {
  png: ["png"],
  jpeg: ["jpg", "jpeg"],
  gif: ["gif"],
  webp: ["webp"],
};

/** What every agent's CLI and its model take. Undefined: none of these. */
function imageType(bytes: Uint8Array): ImageType | undefined {
  const at = (offset: number, text: string): boolean => [...text].every((char, i) => bytes[offset + i] === char.charCodeAt(0));
  if (at(0, "\x89PNG\r\n\x1a\n")) return "png";
  if (at(0, "\xff\xd8\xff")) return "jpeg";
  if (at(0, "GIF87a") || at(0, "GIF89a")) return "gif";
  if (at(0, "RIFF") && at(8, "WEBP")) return "webp";
  return undefined;
}

const MAX_NAME = 64;

/** The name of its file beside others: no directory, no blank, nothing that a shell or a CLI reads as anything but a name. */
export function imageFileName(given: string | undefined, type: ImageType, index: number): string {
  const last = (given ?? "").split(/[/\\]/).at(-1) ?? "";
  const stem = last
    .replace(/\.(?:png|jpe?g|gif|webp)$/i, "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, MAX_NAME);
  return `${index + 1}-${stem === "" ? "image" : stem}.${ENDINGS[type][0]}`;
}

/** @param name as it is called where it came from. @param field of it in what was asked. */
export function checkImage(bytes: Uint8Array, name: string, field: string): Result<ImageType> {
  if (bytes.byteLength === 0) return err(maestroError("image_invalid", `${name} is empty.`, { field, hint: TAKEN }));
  if (bytes.byteLength > MAX_IMAGE_BYTES) return err(imageTooLarge(bytes.byteLength, name, field));
  const type = imageType(bytes);
  return type === undefined
    ? err(maestroError("image_invalid", `${name} is no image that agents take, whatever it is called.`, { field, hint: TAKEN }))
    : ok(type);
}

export const imageTooLarge = (bytes: number, name: string, field: string): MaestroError =>
  maestroError("image_too_large", `${name} has ${bytes} bytes.`, {
    field,
    hint: `At most ${MAX_IMAGE_BYTES} bytes (${mebibytes(MAX_IMAGE_BYTES)}); make it smaller.`,
  });

const TAKEN = "PNG, JPEG, GIF and WebP are taken.";

/** Of all of them together. */
export function imagesProblem(count: number, bytes: number, field: string): MaestroError | undefined {
  if (count > MAX_IMAGES)
    return maestroError("image_limit", `${count} images are too many for one task.`, { field, hint: `At most ${MAX_IMAGES}.` });
  return bytes > MAX_IMAGES_BYTES
    ? maestroError("image_limit", `The images have ${bytes} bytes together.`, {
        field,
        hint: `At most ${MAX_IMAGES_BYTES} bytes (${mebibytes(MAX_IMAGES_BYTES)}) with one task.`,
      })
    : undefined;
}

const mebibytes = (bytes: number): string => `${bytes / 1024 / 1024} MiB`;
