/** Entries of a directory as they are sent: as many as one answer holds, each of them whole. */
import type { FileEntry } from "@maestro/shared/contract/host-files";
import { MAX_LISTING_BYTES } from "@maestro/shared/limits";

/** @param more there are others. */
export function listingOf(entries: readonly FileEntry[], more: boolean): { bytes: Uint8Array; truncated: boolean } {
  const texts: string[] = [];
  let size = 2;
  for (const entry of entries) {
    const text = JSON.stringify(entry);
    size += Buffer.byteLength(text) + 1;
    if (size > MAX_LISTING_BYTES) break;
    texts.push(text);
  }
  return { bytes: Buffer.from(`[${texts.join(",")}]`), truncated: more || texts.length < entries.length };
}
