/** A screen as bytes: grid, then what no grid shows; in an order in which nothing undoes what came before. */
import type { IBuffer, Terminal } from "@xterm/headless";
import { readInternals, type BufferInternals, type ScreenInternals } from "./screen-internals.ts";
import { serializeLines } from "./screen-grid.ts";
import { PLAIN, sgrOf } from "./screen-style.ts";

const MOUSE = { none: "", x10: "\x1b[?9h", vt200: "\x1b[?1000h", drag: "\x1b[?1002h", any: "\x1b[?1003h" } as const;
const ENCODING: Readonly<Record<string, string>> = { SGR: "\x1b[?1006h", SGR_PIXELS: "\x1b[?1016h" };
const DESIGNATE = ["(", ")", "*", "+"];
const SHIFT = ["", "\x0e", "\x1bn", "\x1bo"];

/** @param lines of scrollback before the normal screen. */
export function serializeScreen(terminal: Terminal, lines: number): string {
  const internals = readInternals(terminal);
  const { normal, active, alternate } = terminal.buffer;
  let out = serializeLines(normal, Math.max(0, normal.length - terminal.rows - lines), normal.length, terminal.cols);
  if (active.type === "alternate") {
    // 1049 saves the cursor, and leaving restores it: it must stand where the normal buffer's was saved.
    // It also fills the new buffer with the present background, which has to go again.
    const { saved } = internals.normal;
    out += `${margins(internals.normal, terminal.rows)}${standAt(normal, saved.x, saved.y, terminal.cols)}${saved.sgr}\x1b[?1049h${PLAIN}\x1b[2J\x1b[H`;
    out += serializeLines(alternate, 0, alternate.length, terminal.cols);
  }
  return out + epilogue(terminal, internals);
}

function epilogue(terminal: Terminal, internals: ScreenInternals): string {
  const { modes, rows, cols } = terminal;
  const { active, charset } = internals;
  let out = saveCursor(terminal.buffer.active, active, cols) + margins(active, rows);
  if (modes.applicationCursorKeysMode) out += "\x1b[?1h";
  if (modes.applicationKeypadMode) out += "\x1b[?66h";
  if (modes.bracketedPasteMode) out += "\x1b[?2004h";
  if (modes.reverseWraparoundMode) out += "\x1b[?45h";
  if (modes.sendFocusMode) out += "\x1b[?1004h";
  out += MOUSE[modes.mouseTrackingMode] + (ENCODING[internals.mouseEncoding] ?? "");
  if (internals.cursorHidden) out += "\x1b[?25l";
  if (internals.cursorStyle !== undefined) out += `\x1b[${internals.cursorStyle} q`;
  if (!modes.wraparoundMode) out += "\x1b[?7l";
  // Origin mode moves the cursor home and makes positions relative to the margins.
  if (modes.originMode) out += "\x1b[?6h";
  const top = modes.originMode ? active.scrollTop : 0;
  const { cursorX: x, cursorY: y } = terminal.buffer.active;
  const again =
    internals.joinable && !modes.insertMode && charset.graphic.length === 0 ? characterBefore(terminal.buffer.active, x, y) : undefined;
  if (again !== undefined) return `${out}${internals.sgr}${moveTo(again.x, Math.max(0, y - top))}${again.chars}`;
  out += standAt(terminal.buffer.active, x, y, cols, top) + internals.sgr;
  for (const index of charset.graphic) out += `\x1b${DESIGNATE[index] ?? "("}0`;
  out += SHIFT[charset.level] ?? "";
  if (modes.insertMode) out += "\x1b[4h";
  return out;
}

function saveCursor(buffer: IBuffer, { saved }: BufferInternals, cols: number): string {
  return saved.x === 0 && saved.y === 0 && saved.sgr === PLAIN ? "" : `${standAt(buffer, saved.x, saved.y, cols)}${saved.sgr}\x1b7${PLAIN}`;
}

const margins = ({ scrollTop, scrollBottom }: BufferInternals, rows: number): string =>
  scrollTop === 0 && scrollBottom === rows - 1 ? "\x1b[r" : `\x1b[${scrollTop + 1};${scrollBottom + 1}r`;

/** Past the last column stands only who has just printed there: its character is printed again. */
function standAt(buffer: IBuffer, x: number, y: number, cols: number, top = 0): string {
  const row = Math.max(0, y - top);
  const before = x >= cols ? characterBefore(buffer, x, y) : undefined;
  return before === undefined ? moveTo(Math.min(x, cols - 1), row) : `${moveTo(before.x, row)}${before.sgr}${before.chars}`;
}

/** What was printed left of the cursor: printed again, a combining character joins it and REP repeats it. */
function characterBefore(buffer: IBuffer, x: number, y: number): { x: number; sgr: string; chars: string } | undefined {
  const line = buffer.getLine(buffer.baseY + y);
  if (line === undefined || x === 0) return undefined;
  const at = line.getCell(x - 1)?.getWidth() === 0 && x > 1 ? x - 2 : x - 1;
  const cell = line.getCell(at);
  return cell === undefined || cell.getChars() === "" ? undefined : { x: at, sgr: sgrOf(cell), chars: cell.getChars() };
}

const moveTo = (x: number, y: number): string => `\x1b[${y + 1};${x + 1}H`;
