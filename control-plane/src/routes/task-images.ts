/** Images that come with a task, and go to the host that runs it. [TK6] */
import type { ImageInput, TaskImage } from "@maestro/shared/contract/tasks";
import { fail } from "@maestro/shared/errors";
import { IMAGE_PIECE_BYTES, MAX_IMAGES } from "@maestro/shared/limits";
import { sha256Hex } from "../crypto/digest.ts";
import { readImages } from "../domain/dispatch/images.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";

/** Throws what is wrong with one. `bytes` in the order of `images`. */
export async function imagesIn(given: readonly ImageInput[]): Promise<{ images: TaskImage[]; bytes: Uint8Array[] }> {
  const read = unwrap(readImages(given));
  const images = await Promise.all(
    read.map(async ({ name, type, bytes }) => ({ name, type, bytes: bytes.byteLength, sha256: await sha256Hex(bytes) })),
  );
  return { images, bytes: read.map(({ bytes }) => bytes) };
}

export const taskImageRoutes = defineRoutes({
  /** Piece by piece as the host takes it; cut off, it comes back with its offset. */
  async attemptImage(rx) {
    const { principal, params, query } = rx;
    const index = /^\d$/.test(params.n) ? Number(params.n) : MAX_IMAGES;
    const read = (offset: number) => schedulerOf(rx).imageOf(principal.id, params.id, query.fence, index, offset);
    let at = query.offset ?? 0;
    let next = await read(at);
    if (next === undefined)
      throw fail("image_gone", "There is no such image for this host.", {
        hint: "The attempt has ended, runs elsewhere, or its fence is an older one.",
      });
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const piece = next ?? (await read(at)) ?? new Uint8Array(0);
          next = undefined;
          if (piece.byteLength > 0) controller.enqueue(piece);
          at += piece.byteLength;
          // A shorter piece is the last one.
          if (at % IMAGE_PIECE_BYTES !== 0 || piece.byteLength === 0) controller.close();
        },
      },
      new CountQueuingStrategy({ highWaterMark: 0 }),
    );
    return new Response(body, {
      headers: { "content-type": "application/octet-stream", "x-content-type-options": "nosniff", "cache-control": "no-store" },
    });
  },
});
