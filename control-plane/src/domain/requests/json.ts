/** JSON with a depth limit that holds before anything recursive runs, and errors that say where. */
import { maestroError } from "@maestro/shared/errors";
import { MAX_JSON_DEPTH } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";

export function parseJson(text: string): Result<unknown> {
  const depth = deepest(text);
  if (depth > MAX_JSON_DEPTH)
    return err(
      maestroError("json_too_deep", `The JSON is nested ${depth} levels deep; at most ${MAX_JSON_DEPTH} are taken.`, {
        hint: "Flatten it.",
      }),
    );
  try {
    return ok(JSON.parse(text));
  } catch {
    const { line, column, what } = locate(text);
    return err(
      maestroError("json_invalid", `The body is not JSON: ${what} at ${line}:${column}.`, {
        hint: "Check quotes and commas there.",
        extra: { line, column },
      }),
    );
  }
}

/** Nesting by brackets outside of strings; exact for valid JSON. */
function deepest(text: string): number {
  let depth = 0;
  let most = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) most = Math.max(most, ++depth);
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--;
  }
  return most;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Where the first error is. Engines word their own messages differently and leave the place out of some, so
 * the grammar is walked once more; this runs for broken bodies only.
 */
function locate(text: string): { line: number; column: number; what: string } {
  const at = firstError(text);
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  const char = text.charAt(at);
  return { line, column, what: char === "" ? "unexpected end" : `unexpected ${JSON.stringify(char)}` };
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

/** The index of the first character that cannot stand where it stands; the length when the text ends too early. */
function firstError(text: string): number {
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return false;
    at += match[0].length;
    return true;
  };
  const char = (expected: string): boolean => {
    if (text.charAt(at) !== expected) return false;
    at++;
    return true;
  };
  const string = (): boolean => take(STRING) && char('"');
  const space = (): boolean => take(SPACE);
  // Depth was limited before, so recursion is safe.
  const value = (): boolean => {
    space();
    if (char("{")) return members("}", () => space() && string() && space() && char(":") && value());
    if (char("[")) return members("]", value);
    if (text.charAt(at) === '"') return string();
    return take(WORD) || take(NUMBER);
  };
  const members = (close: string, member: () => boolean): boolean => {
    space();
    if (char(close)) return true;
    for (;;) {
      if (!member()) return false;
      space();
      if (char(close)) return true;
      if (!char(",")) return false;
    }
  };
  if (value()) space();
  return at;
}
