/** Drops what rc files and banners say before the script begins: everything up to a mark and the pid behind it. */

/** More than this before the mark is no greeting. */
const MAX_NOISE_BYTES = 256 * 1024;
/** For people, and a mark that comes in pieces. */
const KEPT_BYTES = 1024;

export class AfterMark {
  readonly #mark: Buffer;
  #noise = Buffer.alloc(0);
  #dropped = 0;
  #pid: number | undefined;

  constructor(mark: Buffer) {
    this.#mark = mark;
  }

  /** Of the shell that runs the script, once it does. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** What came instead, for people: its end. */
  get noise(): string {
    return this.#noise.subarray(-KEPT_BYTES).toString("utf8").trim();
  }

  get tooMuch(): boolean {
    return this.#pid === undefined && this.#dropped > MAX_NOISE_BYTES;
  }

  /** The part of it that counts. */
  push(chunk: Buffer): Buffer {
    if (this.#pid !== undefined) return chunk;
    const all = Buffer.concat([this.#noise, chunk]);
    const at = all.indexOf(this.#mark);
    const end = at === -1 ? -1 : all.indexOf("\n", at);
    if (end === -1) {
      this.#dropped += Math.max(0, all.length - KEPT_BYTES);
      this.#noise = Buffer.from(all.subarray(-KEPT_BYTES));
      return Buffer.alloc(0);
    }
    this.#pid = Number(all.toString("latin1", at + this.#mark.length, end));
    this.#noise = all.subarray(0, at);
    return all.subarray(end + 1);
  }
}
