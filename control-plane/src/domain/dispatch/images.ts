/** Images as a task brings them: in base64 or as data URLs. Each mistake with the one it is about; none is left out in silence. */
import type { ImageInput } from "@maestro/shared/contract/tasks";
import { maestroError } from "@maestro/shared/errors";
import { checkImage, imageFileName, imagesProblem, type ImageType } from "@maestro/shared/image";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { err, ok, type Result } from "@maestro/shared/result";
import { fromBase64 } from "../requests/base64.ts";

export interface ReadImage {
  name: string;
  type: ImageType;
  bytes: Uint8Array<ArrayBuffer>;
}

export function readImages(given: readonly ImageInput[]): Result<ReadImage[]> {
  const tooMany = imagesProblem(given.length, 0, "images");
  if (tooMany !== undefined) return err(tooMany);
  const images: ReadImage[] = [];
  let bytes = 0;
  for (const [index, input] of given.entries()) {
    const read = readImage(input, index);
    if (!read.ok) return read;
    bytes += read.value.bytes.byteLength;
    const tooLarge = imagesProblem(given.length, bytes, "images");
    if (tooLarge !== undefined) return err(tooLarge);
    images.push(read.value);
  }
  return ok(images);
}

function readImage(input: ImageInput, index: number): Result<ReadImage> {
  const { name, data } = typeof input === "string" ? { name: undefined, data: input } : input;
  const field = `images[${index}]`;
  const called = name === undefined ? `Image ${index + 1}` : `'${escapeUnsafe(name.slice(0, 64))}'`;
  const bytes = data.startsWith("data:") ? ofDataUrl(data) : fromBase64(data);
  if (bytes === undefined)
    return err(
      maestroError("image_invalid", `${called} is neither base64 nor a data URL in base64.`, {
        field,
        hint: 'For example {"name": "screen.png", "data": "iVBORw0…"}, or "data:image/png;base64,iVBORw0…".',
      }),
    );
  const type = checkImage(bytes, called, field);
  return type.ok ? ok({ name: imageFileName(name, type.value, index), type: type.value, bytes }) : type;
}

/** Which type it names does not matter: its bytes say. */
function ofDataUrl(url: string): Uint8Array<ArrayBuffer> | undefined {
  const comma = url.indexOf(",");
  return comma === -1 || !/;base64$/i.test(url.slice(0, comma)) ? undefined : fromBase64(url.slice(comma + 1));
}
