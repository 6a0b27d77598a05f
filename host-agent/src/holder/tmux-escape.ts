/** The two notations of tmux's control mode: octal in what it says, quoted words in what it is told. */

const BACKSLASH = 0x5c;
const ZERO = 0x30;
const PLAIN_WORD = /^[A-Za-z0-9_./:=@%+,-]+$/;

/**
 * `%output` data: bytes below 0x20 and the backslash come as `\ooo`, everything else as it is.
 * @param out has room for `data.byteLength` bytes from `at` on.
 * @returns where in `out` the decoded bytes end.
 */
export function decodeOctal(data: Buffer, out: Buffer, at: number): number {
  let end = at;
  let from = 0;
  let escape = data.indexOf(BACKSLASH);
  while (escape >= 0 && escape + 3 < data.byteLength) {
    end += data.copy(out, end, from, escape);
    out[end++] =
      (((data[escape + 1] ?? ZERO) - ZERO) << 6) | (((data[escape + 2] ?? ZERO) - ZERO) << 3) | ((data[escape + 3] ?? ZERO) - ZERO);
    from = escape + 4;
    // Escapes come in runs; looking one by one there is cheaper than searching.
    escape = data[from] === BACKSLASH ? from : data.indexOf(BACKSLASH, from);
  }
  return end + data.copy(out, end, from);
}

/** One argument of a command line, for any bytes but NUL: lines, quotes and `$` included. */
export function quoteWord(word: string): string {
  if (PLAIN_WORD.test(word)) return word;
  let out = '"';
  for (const byte of Buffer.from(word, "utf8")) {
    const char = String.fromCharCode(byte);
    out += byte < 0x80 && /[A-Za-z0-9 _./:=@%+,-]/.test(char) ? char : `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `${out}"`;
}

export const commandLine = (words: readonly string[]): string => words.map(quoteWord).join(" ");
