/** [LG2] The digest of what is stored, read piece by piece. */
import type { ChunkStore } from "./chunk-store.ts";

export async function digestOf(store: ChunkStore, maxBytes: number): Promise<string> {
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  for (let at = 0; ;) {
    const { bytes } = store.read(at, maxBytes);
    if (bytes.byteLength === 0) break;
    await writer.write(bytes);
    at += bytes.byteLength;
  }
  await writer.close();
  const digest = new Uint8Array(await stream.digest);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
