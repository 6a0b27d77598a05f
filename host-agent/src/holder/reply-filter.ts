/**
 * [VW2] A tmux server answers its program's queries itself. The writer's terminal reads the same bytes and
 * answers once more; our own screen, made of the same bytes by the same engine, tells with which words.
 */

/** What tmux answers: device attributes, status, cursor position, version. Other queries are for the writer to answer. */
const ANSWERED_BY_TMUX = /^\x1b(?:\[(?:[?>][\d;]*c|0n|\d+;\d+R)|P>\|.*\x1b\\)$/s;
const ESC = 0x1b;
/** A flood of queries; the oldest are forgotten. */
const MAX_EXPECTED = 64;
/** Later, the same bytes are a key: modified F3 looks like a cursor position. */
const EXPECTED_FOR_MS = 5_000;

export class ReplyFilter {
  readonly #now: () => number;
  #expected: { text: string; untilMs: number }[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The screen gave this answer. */
  expect(text: string): void {
    if (!ANSWERED_BY_TMUX.test(text)) return;
    this.#expected.push({ text, untilMs: this.#now() + EXPECTED_FOR_MS });
    if (this.#expected.length > MAX_EXPECTED) this.#expected.shift();
  }

  /** Input without the answers it begins with; the same bytes where there are none. */
  strip(input: Uint8Array): Uint8Array {
    if (this.#expected.length === 0 || input[0] !== ESC) return input;
    const now = this.#now();
    this.#expected = this.#expected.filter(({ untilMs }) => untilMs >= now);
    let text = Buffer.from(input).toString("latin1");
    let stripped = 0;
    for (let found = this.#match(text); found >= 0; found = this.#match(text)) {
      const length = this.#expected.splice(found, 1)[0]?.text.length ?? 0;
      stripped += length;
      text = text.slice(length);
    }
    return input.subarray(stripped);
  }

  #match(text: string): number {
    return this.#expected.findIndex((reply) => text.startsWith(reply.text));
  }
}
