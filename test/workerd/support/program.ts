/** What the program of every session writes: told from the offset alone. */
export const byteAt = (offset: number): number => (Math.imul(offset, 2654435761) >>> 13) & 0xff;
export const bytesOf = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from }, (_, i) => byteAt(from + i));
