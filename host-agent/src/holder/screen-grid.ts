/**
 * Lines of a buffer as bytes for an empty terminal. Ours rather than the serialize addon's: that one writes
 * styles as differences and loses dim and bold, and erased colours, to one another (found by fuzzing).
 */
import type { IBuffer, IBufferCell, IBufferLine } from "@xterm/headless";
import { backgroundSgr, hasAttributes, PLAIN, sgrOf } from "./screen-style.ts";

/** @param from first line, scrollback included. @param to one past the last. Ends in the plain style, cursor anywhere. */
export function serializeLines(buffer: IBuffer, from: number, to: number, cols: number): string {
  const out: string[] = [];
  const pen = new Pen(out);
  // Empty lines at the end need no bytes: the terminal is empty there.
  let last = to;
  while (last > from && isBlank(buffer.getLine(last - 1), cols)) last--;
  let previous: IBufferLine | undefined;
  for (let row = from; row < last; row++) {
    const line = buffer.getLine(row);
    if (line === undefined) break;
    if (previous !== undefined && !wrapsInto(previous, line, cols)) {
      // A coloured background would fill the line that scrolls in.
      pen.style(PLAIN);
      out.push("\r\n");
    }
    writeLine(line, cols, pen, out);
    previous = line;
  }
  pen.style(PLAIN);
  // Lines not written scroll nothing in: keep them when they are part of the scrollback's distance.
  for (let row = Math.max(last, from + 1); row < to; row++) out.push("\r\n");
  return out.join("");
}

class Pen {
  readonly #out: string[];
  #current = PLAIN;

  constructor(out: string[]) {
    this.#out = out;
  }

  style(sgr: string): void {
    if (sgr === this.#current) return;
    this.#out.push(sgr);
    this.#current = sgr;
  }
}

function writeLine(line: IBufferLine, cols: number, pen: Pen, out: string[]): void {
  let cell: IBufferCell | undefined;
  let erased = 0;
  let erasedStyle = PLAIN;
  const flush = (): void => {
    if (erased === 0) return;
    if (erasedStyle !== PLAIN) {
      pen.style(erasedStyle);
      out.push(`\x1b[${erased}X`);
    }
    out.push(`\x1b[${erased}C`);
    erased = 0;
  };
  for (let x = 0; x < cols; x++) {
    cell = line.getCell(x, cell);
    if (cell === undefined) break;
    const chars = cell.getChars();
    if (chars === "" && cell.getWidth() === 0) continue;
    if (chars === "" && !hasAttributes(cell)) {
      const style = backgroundSgr(cell);
      if (style !== erasedStyle) flush();
      erasedStyle = style;
      erased++;
      continue;
    }
    flush();
    pen.style(sgrOf(cell));
    // An erased cell that is underlined or inverse can only be a blank that looks the same.
    out.push(chars === "" ? " " : chars);
  }
  if (erased > 0 && erasedStyle !== PLAIN) {
    pen.style(erasedStyle);
    out.push(`\x1b[${erased}X`);
  }
}

/** True when printing on at the end of `previous` wraps into `line` by itself. */
function wrapsInto(previous: IBufferLine, line: IBufferLine, cols: number): boolean {
  if (!line.isWrapped) return false;
  const end = previous.getCell(cols - 1);
  const first = line.getCell(0);
  return (
    end !== undefined &&
    (end.getChars() !== "" || end.getWidth() === 0) &&
    first !== undefined &&
    first.getChars() !== "" &&
    first.getWidth() === 1
  );
}

function isBlank(line: IBufferLine | undefined, cols: number): boolean {
  if (line === undefined) return true;
  let cell: IBufferCell | undefined;
  for (let x = 0; x < cols; x++) {
    cell = line.getCell(x, cell);
    if (cell !== undefined && (cell.getChars() !== "" || !cell.isBgDefault() || hasAttributes(cell))) return false;
  }
  return true;
}
