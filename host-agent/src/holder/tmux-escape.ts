/** The two notations of tmux's control mode: octal in what it says, quoted words in what it is told. */

const BACKSLASH = 0x5c;
const ZERO = 0x30;
const PLAIN_WORD = /^[A-Za-z0-9_./:=@%+,-]+$/;

/** `%output` data: bytes below 0x20 and the backslash come as `\ooo`, everything else as it is. */
export function decodeOctal(data: Buffer): Buffer {
  let at = data.indexOf(BACKSLASH);
  if (at < 0) return data;
  const out = Buffer.allocUnsafe(data.byteLength);
  let length = 0;
  let from = 0;
  while (at >= 0 && at + 3 < data.byteLength) {
    length += data.copy(out, length, from, at);
    out[length++] = (((data[at + 1] ?? ZERO) - ZERO) << 6) | (((data[at + 2] ?? ZERO) - ZERO) << 3) | ((data[at + 3] ?? ZERO) - ZERO);
    from = at + 4;
    // Escapes come in runs; looking one by one there is cheaper than searching.
    at = data[from] === BACKSLASH ? from : data.indexOf(BACKSLASH, from);
  }
  length += data.copy(out, length, from);
  return out.subarray(0, length);
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
