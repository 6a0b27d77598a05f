/** [LG2] How readers see that the middle of a long log was left out, and where they are in the log all the same. */

export interface LogGap {
  from: number;
  to: number;
}

/** Stands in the bytes of an answer in place of what was left out. ASCII, so that its length is its bytes. */
export const omittedMarker = ({ from, to }: LogGap): string => `\n[maestro: ${to - from} bytes of this log were left out here]\n`;

/** The header's text: `<from>-<to>`. */
export const formatGap = ({ from, to }: LogGap): string => `${from}-${to}`;

export function parseGap(text: string | null | undefined): LogGap | undefined {
  const [, from, to] = /^(\d{1,16})-(\d{1,16})$/.exec(text ?? "") ?? [];
  return from === undefined || to === undefined || Number(from) >= Number(to) ? undefined : { from: Number(from), to: Number(to) };
}

/**
 * The offset in the log after so many bytes of an answer: where to go on from after a cut. Within the marker it is where
 * the marker began.
 *
 * @param start of the answer. @param gap that the answer has a marker for, if it has one.
 */
export function logOffsetAfter(start: number, gap: LogGap | undefined, received: number): number {
  if (gap === undefined || received <= gap.from - start) return start + received;
  const behind = received - (gap.from - start) - omittedMarker(gap).length;
  return behind < 0 ? gap.from : gap.to + behind;
}
