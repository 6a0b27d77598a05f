/** What the headless terminal knows and its public interface does not tell, read defensively. */
import type { Terminal } from "@xterm/headless";
import { boundMarks } from "@maestro/shared/joined-marks";
import { PLAIN, sgrOf, type Styled } from "./screen-style.ts";

export interface BufferInternals {
  /** Margins (DECSTBM), 0-based, within the screen. */
  scrollTop: number;
  scrollBottom: number;
  /** Saved cursor (DECSC): 0-based within the screen, with its style. */
  saved: { x: number; y: number; sgr: string };
}

export interface ScreenInternals {
  /** False in the middle of an escape sequence or a UTF-8 character. */
  atRest: boolean;
  /** The last character printed can still be joined by a combining one, or repeated (REP). */
  joinable: boolean;
  cursorHidden: boolean;
  /** Style of what is printed next. */
  sgr: string;
  normal: BufferInternals;
  active: BufferInternals;
  /** `DEFAULT`, `SGR` or `SGR_PIXELS`. */
  mouseEncoding: string;
  /** DECSCUSR parameter, undefined when the program left it alone. */
  cursorStyle: number | undefined;
  /** Which of G0–G3 is in use, and which of them draw lines instead of letters. */
  charset: { level: number; graphic: readonly number[] };
}

const STYLES: Readonly<Record<string, number>> = { block: 2, underline: 4, bar: 6 };
const GROUND = 0;

export function readInternals(terminal: Terminal): ScreenInternals {
  const core = member(terminal, "_core");
  const input = member(core, "_inputHandler");
  const buffers = member(member(core, "_bufferService"), "buffers");
  const service = member(core, "coreService");
  const modes = member(service, "decPrivateModes");
  const charset = member(core, "_charsetService");
  const style = STYLES[String(member(modes, "cursorStyle"))];
  return {
    atRest: isAtRest(terminal),
    joinable: numberOf(member(member(input, "_parser"), "precedingJoinState")) !== 0,
    cursorHidden: member(service, "isCursorHidden") === true,
    sgr: sgrOfUnknown(member(input, "_curAttrData")),
    normal: bufferInternals(member(buffers, "normal")),
    active: bufferInternals(member(buffers, "active")),
    mouseEncoding: String(member(member(core, "coreMouseService"), "_activeEncoding")),
    cursorStyle: style === undefined ? undefined : style - (member(modes, "cursorBlink") === true ? 1 : 0),
    charset: { level: numberOf(member(charset, "glevel")), graphic: graphicSets(member(charset, "_charsets")) },
  };
}

/** The part of it that is asked after every write. */
export function isAtRest(terminal: Terminal): boolean {
  const input = member(member(terminal, "_core"), "_inputHandler");
  const interim = member(member(input, "_utf8Decoder"), "interim");
  return member(member(input, "_parser"), "currentState") === GROUND && !(interim instanceof Uint8Array && interim[0] !== 0);
}

/**
 * Parses at once, instead of in slices between timers: in the worker nothing else waits. False when the
 * parser threw: its state is reset and the rest of `bytes` is lost to the screen, not to the stream.
 */
export function parseNow(terminal: Terminal, bytes: Uint8Array): boolean {
  const input = member(member(terminal, "_core"), "_inputHandler");
  try {
    call(input, "parse", bytes);
    return true;
  } catch {
    call(member(input, "_parser"), "reset");
    return false;
  }
}

/**
 * Erasing up to the end of the last line (ED 1) makes @xterm/headless 6.0.0 reach past its buffer and throw;
 * what is erased then is the whole screen.
 */
export function guardErase(terminal: Terminal): void {
  const input = member(member(terminal, "_core"), "_inputHandler");
  const erase = (params: (number | number[])[]): boolean => {
    const { cursorX, cursorY, length } = terminal.buffer.active;
    if (params[0] !== 1 || cursorX + 1 < terminal.cols || cursorY + 1 < length) return false;
    call(input, "eraseInDisplay", { params: [2], length: 1 });
    return true;
  };
  terminal.parser.registerCsiHandler({ final: "J" }, erase);
  terminal.parser.registerCsiHandler({ prefix: "?", final: "J" }, erase);
}

/** As many combining marks in a cell as an honest text has: repeated (REP), a cell of thousands would fill the memory. */
export function guardMarks(terminal: Terminal): void {
  const provider = member(member(member(terminal, "_core"), "unicodeService"), "_activeProvider");
  if (typeof provider !== "object" || provider === null) throw new TypeError("this @xterm/headless has no '_activeProvider'");
  const properties = Reflect.get(provider, "charProperties");
  Reflect.set(
    provider,
    "charProperties",
    boundMarks((codepoint, preceding) => Number(Reflect.apply(properties, provider, [codepoint, preceding]))),
  );
}

function call(target: unknown, name: string, ...args: unknown[]): unknown {
  const method = member(target, name);
  if (typeof method !== "function") throw new TypeError(`this @xterm/headless has no '${name}'`);
  return Reflect.apply(method, target, args);
}

function bufferInternals(buffer: unknown): BufferInternals {
  return {
    scrollTop: numberOf(member(buffer, "scrollTop")),
    scrollBottom: numberOf(member(buffer, "scrollBottom")),
    saved: {
      x: numberOf(member(buffer, "savedX")),
      y: Math.max(0, numberOf(member(buffer, "savedY")) - numberOf(member(buffer, "ybase"))),
      sgr: sgrOfUnknown(member(buffer, "savedCurAttrData")),
    },
  };
}

function graphicSets(sets: unknown): number[] {
  if (!Array.isArray(sets)) return [];
  // DEC Special Graphics is the set that turns q into a line; ASCII is no set at all.
  return [0, 1, 2, 3].filter((index) => typeof member(sets[index], "q") === "string");
}

const sgrOfUnknown = (style: unknown): string => (isStyled(style) ? sgrOf(style) : PLAIN);
const isStyled = (value: unknown): value is Styled =>
  typeof member(value, "isBold") === "function" && typeof member(value, "getBgColor") === "function";
const member = (target: unknown, name: string): unknown =>
  typeof target === "object" && target !== null ? Reflect.get(target, name) : undefined;
const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);
