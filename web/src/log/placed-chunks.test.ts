import { omittedMarker } from "@maestro/shared/log-marker";
import { describe, expect, it } from "vitest";
import { placedChunks } from "./placed-chunks.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function placed(
  start: number,
  gap: { from: number; to: number } | undefined,
  body: Uint8Array,
  size: number,
): Promise<Map<number, string>> {
  async function* cut(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < body.byteLength; at += size) yield body.subarray(at, at + size);
  }
  const found = new Map<number, string>();
  for await (const { offset, bytes: piece } of placedChunks(start, gap, cut()))
    for (const [i, byte] of piece.entries()) found.set(offset + i, String.fromCharCode(byte));
  return found;
}

describe("[LG2] an answer with a marker in it", () => {
  it.each([1, 3, 7, 1000])("has its bytes where they are in the log, in pieces of %i", async (size) => {
    const gap = { from: 105, to: 9_000 };
    const found = await placed(100, gap, bytes(`abcde${omittedMarker(gap)}xyz`), size);
    expect([...found]).toEqual([
      [100, "a"],
      [101, "b"],
      [102, "c"],
      [103, "d"],
      [104, "e"],
      [9_000, "x"],
      [9_001, "y"],
      [9_002, "z"],
    ]);
  });

  it("may begin with it, or have none", async () => {
    const gap = { from: 50, to: 60 };
    expect([...(await placed(50, gap, bytes(`${omittedMarker(gap)}z`), 4))]).toEqual([[60, "z"]]);
    expect([...(await placed(7, undefined, bytes("ab"), 1))]).toEqual([
      [7, "a"],
      [8, "b"],
    ]);
  });
});
