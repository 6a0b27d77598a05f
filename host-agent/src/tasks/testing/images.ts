/** Images without a control plane. */
import { createHash } from "node:crypto";
import type { TaskImage } from "@maestro/shared/contract/tasks";
import { maestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import type { ImageSource } from "../image-source.ts";

/** There are none. */
export const noImages: ImageSource = async () => err(maestroError("image_gone", "There are no images here."));

/** A PNG as far as anybody looks. */
export const somePng = (bytes: number, filling = 7): Buffer =>
  Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(bytes - 8, filling)]);

export const imageOf = (name: string, bytes: Buffer): TaskImage => ({
  name,
  type: "png",
  bytes: bytes.byteLength,
  sha256: createHash("sha256").update(bytes).digest("hex"),
});

/** Whole, at once. */
export const serving =
  (...images: readonly Buffer[]): ImageSource =>
  async ({ index, offset }, take) => {
    take(images[index]?.subarray(offset) ?? Buffer.alloc(0));
    return ok(undefined);
  };
