/** Brings one session's ring to its screen: a bounded piece at a time, resizes between the bytes they belong between. */
import type { Clock } from "./clock.ts";
import type { Ring } from "./ring.ts";
import type { ScreenHost } from "./screen-host.ts";
import type { ScreenState } from "./screen-terminal.ts";
import type { Seed } from "./backend.ts";

const KiB = 1024;
const PIECE_BYTES = 32 * KiB;
/**
 * A keystroke's echo is parsed after this, a word at a time: each parse wakes a thread that takes the processor from the
 * echoes behind it. Who asks for the screen before has it.
 */
const PATIENCE_MS = 50;
/** More is parsed at once. */
const PATIENT_BYTES = 256;
/** A flood is more than this much in one window; it is over when a window has less than a calm one's. */
const FLOOD_WINDOW_MS = 100;
const FLOOD_BYTES = 512 * KiB;
const CALM_BYTES = 64 * KiB;
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
  readonly #clock: Clock;
  #unschedule: (() => void) | undefined;
  #window = { startMs: Number.NEGATIVE_INFINITY, from: 0 };
  /** Set while a flood is put off. */
  #endDeferral: (() => void) | undefined;
  #patient = false;

  constructor(host: ScreenHost, ring: Ring, size: { cols: number; rows: number }, clock: Clock, events: FeedEvents) {
    this.#host = host;
    this.#ring = ring;
    this.#clock = clock;
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

  /** What a flood brought waits: the screen is older than the ring. */
  get deferred(): boolean {
    return this.#endDeferral !== undefined;
  }

  /**
   * Call when the ring grew. What comes in one turn of the event loop is fed together.
   * @param urgent what the parser says of it is waited for: a little of it may not wait for more.
   * @param deferrable the program cannot be held, and its screen can be had from elsewhere: a flood is parsed when it is
   * over, or not at all where it outran the ring. Until then its terminal needs the processor more than its screen does.
   */
  grew({ urgent, deferrable }: { urgent: boolean; deferrable: boolean }): void {
    if (deferrable && this.#floods()) return;
    const patient = !urgent && this.#ring.end - this.#posted <= PATIENT_BYTES;
    if (this.#unschedule !== undefined && (patient || !this.#patient)) return;
    this.#unschedule?.();
    this.#patient = patient;
    const due = (): void => {
      this.#unschedule = undefined;
      this.pump();
    };
    if (patient) this.#unschedule = this.#clock.after(PATIENCE_MS, due);
    else {
      const immediate = setImmediate(due);
      this.#unschedule = () => clearImmediate(immediate);
    }
  }

  /** Nothing more will come: what was put off is parsed now. */
  settle(): void {
    this.#endDeferral?.();
    this.#endDeferral = undefined;
    this.pump();
  }

  pump(): void {
    if (this.#disposed || this.deferred) return;
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
    this.#endDeferral?.();
    this.#host.dispose(this.#screen);
  }

  #floods(): boolean {
    if (this.deferred) return true;
    const nowMs = this.#clock.monotonicMs();
    const { end } = this.#ring;
    if (nowMs - this.#window.startMs >= FLOOD_WINDOW_MS || end < this.#window.from) this.#window = { startMs: nowMs, from: end };
    if (end - this.#window.from < FLOOD_BYTES) return false;
    this.#defer();
    return true;
  }

  #defer(): void {
    const { end } = this.#ring;
    this.#endDeferral = this.#clock.after(FLOOD_WINDOW_MS, () => {
      const grown = this.#ring.end - end;
      if (grown >= CALM_BYTES) return this.#defer();
      this.#endDeferral = undefined;
      this.pump();
    });
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
