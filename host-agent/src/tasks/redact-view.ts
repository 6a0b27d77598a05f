/**
 * A text without its line breaks: `base64` and terminals break what is long, and a secret must not escape in two halves.
 * Three breaks in a row are more than any of them makes, and count: so there is an end to how much may stand between.
 */
const LF = 0x0a;
const CR = 0x0d;
const MOST_BREAKS = 2;

export const isBreak = (byte: number | undefined): boolean => byte === LF || byte === CR;

export interface View {
  bytes: Uint8Array;
  /** Where each of them stands in the text. */
  at: Int32Array;
}

/** @param breaks how many breaks stand right before the text. */
export function withoutBreaks(text: Uint8Array, breaks: number): View {
  const bytes = new Uint8Array(text.length);
  const at = new Int32Array(text.length);
  let length = 0;
  let run = breaks;
  for (let from = 0; from < text.length; from += 1) {
    const byte = text[from] ?? 0;
    if (byte === LF || byte === CR) {
      run += 1;
      if (run <= MOST_BREAKS) continue;
    } else run = 0;
    bytes[length] = byte;
    at[length] = from;
    length += 1;
  }
  return { bytes: bytes.subarray(0, length), at: at.subarray(0, length) };
}

/** How many breaks stand right before `end`; more than count are not counted. */
export function breaksBefore(text: Uint8Array, end: number, before: number): number {
  let run = 0;
  while (run <= MOST_BREAKS && run < end && isBreak(text[end - 1 - run])) run += 1;
  return run === end ? run + before : run;
}
