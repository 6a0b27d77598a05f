/** Brings one session's ring to its screen: a bounded piece at a time, resizes between the bytes they belong between. */
import type { Ring } from "./ring.ts";
import type { ScreenHost } from "./screen-host.ts";
import type { ScreenState } from "./screen-terminal.ts";
import type { Seed } from "./backend.ts";

const KiB = 1024;
const PIECE_BYTES = 32 * KiB;
/** A keystroke's echo is parsed after this: not while it is still on its way, and a word at a time. */
const PATIENCE_MS = 8;
/** More is parsed at once. */
const PATIENT_BYTES = 256;
/** Posted and not parsed yet: little, so that one session's flood does not delay another's screen. */
const WINDOW_BYTES = 128 * KiB;

export interface FeedEvents {
  /** The parser came nearer: a held program may go on. */
  progress(): void;
  title(title: string): void;
  reply(text: string): void;
  /** The ring lapped the parser: the screen must be seeded from the backend, where it can tell it. */
  lapped(): void;
}

interface PendingResize {
  offset: number;
  cols: number;
  rows: number;
}

export class ScreenFeed {
  readonly #host: ScreenHost;
  readonly #screen: number;
  readonly #events: FeedEvents;
  #ring: Ring;
  #posted: number;
  #parsed: number;
  #resizes: PendingResize[] = [];
  #cols: number;
  #rows: number;
  #disposed = false;
  #unschedule: (() => void) | undefined;
  #patient = false;

  constructor(host: ScreenHost, ring: Ring, size: { cols: number; rows: number }, events: FeedEvents) {
    this.#host = host;
    this.#ring = ring;
    this.#events = events;
    this.#cols = size.cols;
    this.#rows = size.rows;
    this.#posted = ring.end;
    this.#parsed = ring.end;
    this.#screen = host.open(size.cols, size.rows, ring.end, {
      parsed: (offset) => {
        this.#parsed = Math.max(this.#parsed, offset);
        this.pump();
        this.#events.progress();
      },
      title: (title) => this.#events.title(title),
      reply: (text) => this.#events.reply(text),
      lost: () => this.#lost(),
    });
  }

  /** Bytes the parser is behind. */
  get lag(): number {
    return this.#ring.end - this.#parsed;
  }

  /**
   * Call when the ring grew. What comes in one turn of the event loop is fed together.
   * @param urgent what the parser says of it is waited for: a little of it may not wait for more.
   */
  grew(urgent: boolean): void {
    const patient = !urgent && this.#ring.end - this.#posted <= PATIENT_BYTES;
    if (this.#unschedule !== undefined && (patient || !this.#patient)) return;
    this.#unschedule?.();
    this.#patient = patient;
    const due = (): void => {
      this.#unschedule = undefined;
      this.pump();
    };
    if (patient) {
      const timer = setTimeout(due, PATIENCE_MS);
      this.#unschedule = () => clearTimeout(timer);
    } else {
      const immediate = setImmediate(due);
      this.#unschedule = () => clearImmediate(immediate);
    }
  }

  pump(): void {
    if (this.#disposed) return;
    while (this.#posted - this.#parsed < WINDOW_BYTES) {
      if (this.#posted < this.#ring.start) {
        this.#restartAt(this.#ring.start);
        this.#events.lapped();
        return;
      }
      this.#applyResizes();
      const until = Math.min(this.#posted + PIECE_BYTES, this.#resizes[0]?.offset ?? Infinity);
      const bytes = this.#ring.read(this.#posted, until - this.#posted);
      if (bytes.byteLength === 0) return;
      this.#posted += bytes.byteLength;
      this.#host.write(this.#screen, bytes);
    }
  }

  /** Takes effect after the bytes that are there now. */
  resize(cols: number, rows: number): void {
    this.#resizes.push({ offset: this.#ring.end, cols, rows });
    this.#applyResizes();
  }

  /** A fresh screen that shows `seed`; the stream goes on at `ring`'s end. */
  seed(ring: Ring, seed: Seed): void {
    this.#ring = ring;
    this.#cols = seed.cols;
    this.#rows = seed.rows;
    // The seed's bytes are no part of the stream: they are written as if they came just before it.
    this.#host.reopen(this.#screen, seed.cols, seed.rows, ring.end - seed.bytes.byteLength);
    this.#posted = ring.end;
    this.#parsed = ring.end;
    this.#resizes = [];
    this.#host.write(this.#screen, seed.bytes);
  }

  snapshot(lines: number): Promise<ScreenState | undefined> {
    this.pump();
    return this.#host.snapshot(this.#screen, lines);
  }

  text(): Promise<ScreenState | undefined> {
    this.pump();
    return this.#host.text(this.#screen);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#unschedule?.();
    this.#host.dispose(this.#screen);
  }

  #applyResizes(): void {
    for (let next = this.#resizes[0]; next !== undefined && next.offset <= this.#posted; next = this.#resizes[0]) {
      this.#resizes.shift();
      this.#cols = next.cols;
      this.#rows = next.rows;
      this.#host.resize(this.#screen, next.cols, next.rows);
    }
  }

  /** The worker began anew: what the ring still has makes the best screen there is. */
  #lost(): void {
    if (this.#disposed) return;
    this.#restartAt(this.#ring.start);
    this.pump();
  }

  #restartAt(offset: number): void {
    this.#posted = offset;
    this.#parsed = offset;
    this.#host.reopen(this.#screen, this.#cols, this.#rows, offset);
  }
}
