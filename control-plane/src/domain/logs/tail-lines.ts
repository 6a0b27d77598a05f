/** Where the last lines of a log begin, read backwards in blocks. */

const NEWLINE = 10;

export class TailLines {
  #left: number;
  #first = true;

  /** @param lines at least one. */
  constructor(lines: number) {
    this.#left = lines;
  }

  /**
   * The block that ends where the last one began. The line's first byte as an index into it, or undefined: look further.
   * A newline at the very end ends the last line and begins none.
   */
  before(block: Uint8Array): number | undefined {
    let from = block.byteLength - 1;
    if (this.#first && block.byteLength > 0) {
      this.#first = false;
      if (block[from] === NEWLINE) from -= 1;
    }
    for (let i = from; i >= 0; i--) {
      if (block[i] !== NEWLINE) continue;
      this.#left -= 1;
      if (this.#left === 0) return i + 1;
    }
    return undefined;
  }
}
