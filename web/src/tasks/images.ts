/** Images that are chosen for a prompt: looked at here, so that what would be refused is told at once. */
import type { MaestroError } from "@maestro/shared/errors";
import { checkImage, imagesProblem, imageTooLarge } from "@maestro/shared/image";
import { MAX_IMAGE_BYTES } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";

export interface ChosenImage {
  name: string;
  bytes: number;
  /** In base64. */
  data: string;
}

const FIELD = "images";

type Images = Result<readonly ChosenImage[], MaestroError>;

/** All of them, or what is wrong with one. */
export async function readImages(files: readonly File[]): Promise<Images> {
  const images: ChosenImage[] = [];
  for (const file of files) {
    const shown = `'${file.name}'`;
    if (file.size > MAX_IMAGE_BYTES) return err(imageTooLarge(file.size, shown, FIELD));
    const bytes = new Uint8Array(await file.arrayBuffer());
    const type = checkImage(bytes, shown, FIELD);
    if (!type.ok) return type;
    images.push({ name: file.name, bytes: bytes.byteLength, data: toBase64(bytes) });
  }
  return ok(images);
}

/** @param chosen those that are there by now: while some were read, others may have come. */
export function withImages(chosen: readonly ChosenImage[], read: Images): Images {
  if (!read.ok) return read;
  const images = [...chosen, ...read.value];
  const problem = imagesProblem(
    images.length,
    images.reduce((sum, image) => sum + image.bytes, 0),
    FIELD,
  );
  return problem === undefined ? ok(images) : err(problem);
}

/** Of three bytes each four characters: pieces of whole threes can be put behind one another. */
const PIECE_BYTES = 3 * 8_192;

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES)));
  return text;
}
