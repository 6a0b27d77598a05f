/** Many patterns looked for at once, most bytes never looked at (Wu–Manber): a flood must not wait for its redaction. */

const BLOCKS = 0x1_0000;

export class Patterns {
  readonly longest: number;
  /** Of the shortest pattern; every pattern is compared by its first so many bytes first. */
  readonly #window: number;
  /** By the two bytes at the end of the window: how far the window may move without missing anything. */
  readonly #shift: Uint8Array;
  /** By the same two bytes: patterns whose window ends with them. */
  readonly #ending = new Map<number, Uint8Array[]>();
  readonly #starting = new Map<number, Uint8Array[]>();

  /** @param patterns at least one, each at least two bytes long. */
  constructor(patterns: readonly Uint8Array[]) {
    const lengths = patterns.map((pattern) => pattern.byteLength);
    this.longest = Math.max(...lengths);
    this.#window = Math.min(255, ...lengths);
    this.#shift = new Uint8Array(BLOCKS).fill(this.#window - 1);
    for (const pattern of patterns) this.#add(pattern);
  }

  /** Calls for each occurrence, also for those that overlap. */
  find(bytes: Uint8Array, hit: (start: number, end: number) => void): void {
    const window = this.#window;
    let at = window - 1;
    while (at < bytes.length) {
      const block = blockAt(bytes, at);
      const shift = this.#shift[block] ?? 0;
      if (shift > 0) {
        at += shift;
        continue;
      }
      const start = at - window + 1;
      for (const pattern of this.#ending.get(block) ?? []) {
        const end = start + pattern.byteLength;
        if (end <= bytes.length && same(bytes, start, pattern, pattern.byteLength)) hit(start, end);
      }
      at += 1;
    }
  }

  /** Where the longest end of `bytes` begins that a pattern could go on from; their length when there is none. */
  openEnd(bytes: Uint8Array): number {
    for (let at = Math.max(0, bytes.length - this.longest + 1); at < bytes.length; at += 1) {
      const rest = bytes.length - at;
      const candidates = this.#starting.get(bytes[at] ?? 0);
      if (candidates?.some((pattern) => pattern.byteLength > rest && same(bytes, at, pattern, rest))) return at;
    }
    return bytes.length;
  }

  #add(pattern: Uint8Array): void {
    for (let at = 1; at < this.#window; at += 1) {
      const block = blockAt(pattern, at);
      this.#shift[block] = Math.min(this.#shift[block] ?? 0, this.#window - 1 - at);
    }
    push(this.#ending, blockAt(pattern, this.#window - 1), pattern);
    push(this.#starting, pattern[0] ?? 0, pattern);
  }
}

/** The byte at `at` and the one before it. */
const blockAt = (bytes: Uint8Array, at: number): number => ((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0);

function same(bytes: Uint8Array, from: number, pattern: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at += 1) if (bytes[from + at] !== pattern[at]) return false;
  return true;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
