/** One line of ssh_config(5): a keyword, and its arguments as ssh splits them. Pure. */

export interface ConfigLine {
  /** In lower case. */
  keyword: string;
  words: string[];
  /** All behind the keyword, for those that take a command line. */
  rest: string;
  /** Where it stands, from 1. */
  path: string;
  line: number;
}

/** Undefined for a blank line or a comment; `quotes` where one is not closed. */
export function readLine(text: string, path: string, line: number): ConfigLine | "quotes" | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.startsWith("#")) return undefined;
  // Blanks, or blanks and exactly one `=`.
  const [, keyword = "", rest = ""] = /^([^\s=]+)(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)$/s.exec(trimmed) ?? [];
  const words = splitWords(rest);
  return words === undefined ? "quotes" : { keyword: keyword.toLowerCase(), words, rest, path, line };
}

/** Both kinds of quotes, and a backslash before a quote, a backslash or a blank; `#` where a word would begin ends the line. */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === " " || text[at] === "\t") {
      at++;
      continue;
    }
    if (text[at] === "#") break;
    let word = "";
    let open = "";
    for (; at < text.length; at++) {
      const char = text[at] ?? "";
      const next = text[at + 1] ?? "";
      if (char === "\\" && (next === "'" || next === '"' || next === "\\" || (open === "" && next === " "))) {
        word += next;
        at++;
      } else if (open === "" && (char === " " || char === "\t")) break;
      else if (open === "" && (char === '"' || char === "'")) open = char;
      else if (char === open) open = "";
      else word += char;
    }
    if (open !== "") return undefined;
    words.push(word);
  }
  return words;
}
