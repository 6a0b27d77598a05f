/** How a script ended, said by itself: the exit code of a client that carries it may as well be that of a line that broke. Pure. */

/** In a shell of its own, so that whatever it does to itself, its end is told after it. @param nonce new each time. */
export const withEndMark = (script: string, nonce: string): string =>
  `(\n${script}\n)\nset -- $?\nprintf '%s-%s %s\\n' maestro-end ${nonce} "$1" >&2\nexit "$1"`;

const MAX_KEPT_CHARS = 64 * 1024;

export class EndMark {
  readonly #mark: string;
  #text = "";
  #code: number | undefined;

  constructor(nonce: string) {
    this.#mark = `maestro-end-${nonce} `;
  }

  /** Of the script; undefined as long as it has not said so. */
  get code(): number | undefined {
    return this.#code;
  }

  /** What came before the mark, or so far: its end. */
  get text(): string {
    return Buffer.from(this.#text, "latin1").toString("utf8");
  }

  push(chunk: Buffer): void {
    // What comes behind it is of those that it left.
    if (this.#code !== undefined) return;
    // Each byte a character, so that a chunk may end within one.
    this.#text = `${this.#text}${chunk.toString("latin1")}`;
    const at = this.#text.lastIndexOf(this.#mark);
    const end = at === -1 ? -1 : this.#text.indexOf("\n", at);
    if (end !== -1) {
      this.#code = Number(this.#text.slice(at + this.#mark.length, end));
      this.#text = this.#text.slice(0, at);
    }
    this.#text = this.#text.slice(-MAX_KEPT_CHARS);
  }
}
