/** Some lines of a terminal, drawn over and over in their place. */

const CLEAR_BELOW = "\u001b[J";

export class LiveBlock {
  readonly #stream: Pick<NodeJS.WriteStream, "write" | "columns">;
  #drawn = 0;

  constructor(stream: Pick<NodeJS.WriteStream, "write" | "columns">) {
    this.#stream = stream;
  }

  /** Narrower than the terminal, else a line that wraps would be counted as one. */
  get width(): number {
    return Math.max(20, (this.#stream.columns || 80) - 1);
  }

  /** @param lines safe to show, and no wider than `width`. */
  draw(lines: readonly string[]): void {
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    this.#stream.write(`${up}\r${CLEAR_BELOW}${lines.map((line) => `${line}\n`).join("")}`);
    this.#drawn = lines.length;
  }
}
