/** [LG2] The bytes of an answer where they belong in the log: the marker for what was left out is no part of it. Pure. */
import { omittedMarker, type LogGap } from "@maestro/shared/log-marker";

export interface PlacedChunk {
  offset: number;
  bytes: Uint8Array;
}

export async function* placedChunks(
  start: number,
  gap: LogGap | undefined,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<PlacedChunk> {
  const before = gap === undefined ? Infinity : gap.from - start;
  const behind = before + (gap === undefined ? 0 : omittedMarker(gap).length);
  let received = 0;
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.byteLength;) {
      const until = received < before ? before : received < behind ? behind : Infinity;
      const bytes = chunk.subarray(from, from + until - received);
      if (received < before) yield { offset: start + received, bytes };
      else if (received >= behind && gap !== undefined) yield { offset: gap.to + received - behind, bytes };
      received += bytes.byteLength;
      from += bytes.byteLength;
    }
  }
}
