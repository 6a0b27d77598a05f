/**
 * A line of a log as text with colours. Of everything a program can send to a terminal only SGR means something here;
 * other sequences, control characters and invisible characters are gone before anything is shown. Pure.
 */
import { stripUnsafe } from "@maestro/shared/sanitize";

/** One of the sixteen, which the palette of the page draws, or any other as the program named it. */
export type Colour = number | `#${string}`;

export interface Pen {
  fg: Colour | undefined;
  bg: Colour | undefined;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}

export const PLAIN: Pen = {
  fg: undefined,
  bg: undefined,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

export interface Span {
  text: string;
  pen: Pen;
}

/**
 * CSI with its parameters and final character; strings (OSC, DCS, SOS, PM, APC) up to their end or the line's;
 * any other escape. 7-bit and 8-bit forms. Every class is disjoint from what follows it: linear on any input.
 */
const SEQUENCE =
  /(?:\u001b\[|\u009b)([0-?]*)([ -/]*)([@-~]?)|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;

/** Most lines of most logs; a flood of them must cost little. */
const HARMLESS = /^[\x20-\x7e\t]*$/;

/** @param text one line without its newline. @param pen as the line before left it. */
export function parseLine(text: string, pen: Pen): Span[] {
  if (HARMLESS.test(text)) return text === "" ? [] : [{ text, pen }];
  const shown = afterReturn(text);
  const spans: Span[] = [];
  let now = pen;
  const put = (piece: string): void => {
    const safe = cleaned(piece);
    const last = spans.at(-1);
    if (safe === "") return;
    if (last?.pen === now) last.text += safe;
    else spans.push({ text: safe, pen: now });
  };
  let from = 0;
  for (const match of shown.matchAll(SEQUENCE)) {
    put(shown.slice(from, match.index));
    from = match.index + match[0].length;
    now = penOf(match, now);
  }
  put(shown.slice(from));
  return spans;
}

/** The text of the spans that `parseLine` makes of it. */
export const shownText = (text: string): string => (HARMLESS.test(text) ? text : cleaned(afterReturn(text).replace(SEQUENCE, "")));

/** How a line leaves the pen to the next one. */
export function penAfter(text: string, pen: Pen): Pen {
  if (!/[\u001b\u009b]/.test(text)) return pen;
  // Most lines end as plain as they began.
  const reset = text.lastIndexOf(RESET);
  let now = reset === -1 ? pen : PLAIN;
  for (const match of text.slice(reset === -1 ? 0 : reset + RESET.length).matchAll(SEQUENCE)) now = penOf(match, now);
  return now;
}
const RESET = "\u001b[0m";

function penOf([, parameters = "", intermediates = "", final = ""]: RegExpExecArray, pen: Pen): Pen {
  return final === "m" && intermediates === "" && !/[<-?]/.test(parameters) ? sgr(parameters, pen) : pen;
}

/** What a carriage return leaves on the line: a progress bar shows its last state only. The colours before it count. */
function afterReturn(text: string): string {
  const parts = text.replace(/\r+$/, "").split("\r");
  if (parts.length === 1) return parts[0] ?? "";
  const kept = parts.findLast((part) => part !== "") ?? "";
  const colours = parts.slice(0, parts.lastIndexOf(kept)).flatMap((part) => part.match(/\u001b\[[\d;:]*m/g) ?? []);
  return colours.join("") + kept;
}

/** Tabs stay: they are laid out. */
const cleaned = (text: string): string =>
  text
    .split("\t")
    .map((part) => stripUnsafe(part, Number.MAX_SAFE_INTEGER))
    .join("\t");

function sgr(parameters: string, before: Pen): Pen {
  const parts = parameters.split(";").map((part) => part.split(":").map(Number));
  const pen = { ...before };
  for (let i = 0; i < parts.length; i++) {
    const [code = 0, ...sub] = parts[i] ?? [];
    const flat = sub.length > 0 ? sub : parts.slice(i + 1, i + 5).map(([value = 0]) => value);
    if (code === 38 || code === 48 || code === 58) {
      const colour = extended(flat, sub.length > 0);
      if (code === 38) pen.fg = colour;
      if (code === 48) pen.bg = colour;
      if (sub.length === 0) i += flat[0] === 5 ? 2 : flat[0] === 2 ? 4 : 0;
    } else if (code === 0) Object.assign(pen, PLAIN);
    else if (code === 1) pen.bold = true;
    else if (code === 2) pen.dim = true;
    else if (code === 3) pen.italic = true;
    else if (code === 4) pen.underline = sub[0] !== 0;
    else if (code === 7) pen.inverse = true;
    else if (code === 9) pen.strike = true;
    else if (code === 22) pen.bold = pen.dim = false;
    else if (code === 23) pen.italic = false;
    else if (code === 24) pen.underline = false;
    else if (code === 27) pen.inverse = false;
    else if (code === 29) pen.strike = false;
    else if (code >= 30 && code <= 37) pen.fg = code - 30;
    else if (code === 39) pen.fg = undefined;
    else if (code >= 40 && code <= 47) pen.bg = code - 40;
    else if (code === 49) pen.bg = undefined;
    else if (code >= 90 && code <= 97) pen.fg = code - 82;
    else if (code >= 100 && code <= 107) pen.bg = code - 92;
  }
  return pen;
}

/** `5;n` or `2;r;g;b`; with colons there may be a colour space before the three. */
function extended([mode, ...rest]: readonly number[], colons: boolean): Colour | undefined {
  if (mode === 5) return indexed(rest[0] ?? 0);
  if (mode !== 2) return undefined;
  const [r = 0, g = 0, b = 0] = colons && rest.length > 3 ? rest.slice(1) : rest;
  return hex(r, g, b);
}

function indexed(n: number): Colour | undefined {
  if (!Number.isInteger(n) || n < 0 || n > 255) return undefined;
  if (n < 16) return n;
  if (n >= 232) return hex(8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10);
  const level = (x: number): number => (x === 0 ? 0 : 55 + x * 40);
  return hex(level(Math.floor((n - 16) / 36)), level(Math.floor((n - 16) / 6) % 6), level((n - 16) % 6));
}

const hex = (...channels: readonly number[]): `#${string}` =>
  `#${channels.map((value) => (value >= 0 && value <= 255 ? Math.floor(value) : 0).toString(16).padStart(2, "0")).join("")}`;
