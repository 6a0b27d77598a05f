/** Which control sequences (CSI) may reach the user's terminal. What is not named here does not. */
import { DROP, pass, question, type Verdict } from "./verdict.ts";

/** Cursor, erase, insert, delete, scroll, tabs, repeat, margins, save and restore: drawing and nothing else. */
const DRAWING = new Set([..."@ABCDEFGHIJKLMPSXZ`abdefgrsu"]);
/** Public modes: insert, new line. Not keyboard lock (2), nor local echo (12). */
const MODES = new Set([4, 20]);
/**
 * Private modes: keys, colours, origin, wrap, cursor, alternate screens, margins, mouse, focus, paste, synchronised
 * output, graphemes. Not 3 and 40 (resize the window), 67, 95, 2031 and 2048 (talk unasked).
 */
const PRIVATE_MODES = new Set([
  1, 5, 6, 7, 8, 9, 12, 25, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 1047, 1048, 1049, 2004, 2026, 2027,
]);
/** Larger counts only cost time: no screen is that large. */
const MAX_COUNT = 10_000;

const SHAPE = /^([<=>?]?)([0-9;:]*)([ -/]*)$/;

export function csiVerdict(body: string, final: string): Verdict {
  const [, prefix, params, intermediates] = SHAPE.exec(body) ?? [];
  if (prefix === undefined || params === undefined || intermediates === undefined) return DROP;
  const whole = `\u001b[${body}${final}`;
  if (intermediates !== "") return withIntermediates(prefix, intermediates, final, whole);
  switch (prefix) {
    case "":
      return plain(params, final, whole);
    case "?":
      return privately(params, final, whole);
    case ">":
      // Modified keys and kitty's keyboard are undone at the end; `c`, `q` ask who the terminal is.
      return final === "m" || final === "u" ? pass(whole) : final === "c" || final === "q" ? question(whole) : DROP;
    case "<":
      return final === "u" ? pass(whole) : DROP;
    case "=":
      return final === "u" ? pass(whole) : final === "c" ? question(whole) : DROP;
    default:
      return DROP;
  }
}

function plain(params: string, final: string, whole: string): Verdict {
  if (final === "m") return pass(whole);
  if (DRAWING.has(final)) return pass(`\u001b[${capped(params)}${final}`);
  switch (final) {
    case "h":
    case "l":
      return someModes("", params, MODES, final);
    case "T":
      // With more parameters it is mouse highlighting.
      return params.includes(";") ? DROP : pass(`\u001b[${capped(params)}T`);
    case "c":
    case "n":
    case "x":
      return question(whole);
    // All of `t`, the window's reports included: the size is the PTY's to tell.
    default:
      return DROP;
  }
}

function privately(params: string, final: string, whole: string): Verdict {
  switch (final) {
    case "h":
    case "l":
      return someModes("?", params, PRIVATE_MODES, final);
    case "J":
    case "K":
      return pass(whole);
    case "n":
    case "u":
      return question(whole);
    default:
      return DROP;
  }
}

function withIntermediates(prefix: string, intermediates: string, final: string, whole: string): Verdict {
  const kind = `${intermediates}${final}`;
  // Soft reset, cursor shape, protected characters.
  if (prefix === "" && (kind === "!p" || kind === " q" || kind === '"q')) return pass(whole);
  return kind === "$p" && (prefix === "" || prefix === "?") ? question(whole) : DROP;
}

function someModes(prefix: string, params: string, allowed: ReadonlySet<number>, final: string): Verdict {
  const kept = params.split(";").filter((param) => param !== "" && allowed.has(Number(param)));
  return kept.length === 0 ? DROP : pass(`\u001b[${prefix}${kept.join(";")}${final}`);
}

const capped = (params: string): string =>
  params.replace(/\d+/g, (digits) => (digits.length > 5 || Number(digits) > MAX_COUNT ? String(MAX_COUNT) : digits));
