/** Which rows of a fixed height each line takes when it is wrapped, and which line stands at a row. Pure. */

/** `sums[i]` is the row where line `i` begins; the last one is the number of rows. */
export type RowSums = Float64Array;

/** @param extra rows above a line, for what is said before it. */
export function layOut(lines: readonly { width: number; missing: number }[], columns: number): RowSums {
  const sums = new Float64Array(lines.length + 1);
  const per = Math.max(1, columns);
  for (const [i, line] of lines.entries())
    sums[i + 1] = (sums[i] ?? 0) + Math.max(1, Math.ceil(line.width / per)) + (line.missing > 0 ? 1 : 0);
  return sums;
}

export const rowCount = (sums: RowSums): number => sums.at(-1) ?? 0;

/** The line at this row; the first or the last for rows outside. */
export function lineAt(sums: RowSums, row: number): number {
  let low = 0;
  let high = Math.max(0, sums.length - 2);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sums[middle] ?? 0) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The lines to draw: those that can be seen, and some around them. */
export function visible(sums: RowSums, top: number, rows: number, around: number): { from: number; to: number } {
  return { from: lineAt(sums, top - around), to: Math.min(sums.length - 1, lineAt(sums, top + rows + around) + 1) };
}
