/** One direction of one proxied connection: reads, waits as the shape says, writes; in order, bounded. */
import type { Socket } from "node:net";

export type Direction = "up" | "down";
export interface Cut {
  direction: Direction;
  afterBytes: number;
  how: "rst" | "fin";
}

/** Shared by all lanes of a proxy; changed while they run. */
export interface Shape {
  latencyMs: number;
  bytesPerSecond: number;
  silent: Record<Direction, boolean>;
}

/** What arrives in, what leaves out; may hold bytes back for later calls. */
export type Transform = (chunk: Buffer) => Buffer[];

export interface LaneOptions {
  direction: Direction;
  from: Socket;
  to: Socket;
  shape: Shape;
  transform: Transform | undefined;
  cutAfter: number | undefined;
  room: () => number;
  passed: (bytes: number) => void;
  cut: () => void;
  closed: () => void;
}

interface Held {
  chunk: Buffer;
  dueMs: number;
}

/** Past this the source is not read any more: the far side feels the slowness, memory does not. */
const MAX_HELD_BYTES = 1024 * 1024;

export class Lane {
  readonly #options: LaneOptions;
  readonly #queue: Held[] = [];
  #heldBytes = 0;
  #sentBytes = 0;
  #ended = false;
  #stopped = false;
  #pumping = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("data", (chunk) => this.#arrived(chunk));
    from.on("end", () => this.#end());
    from.on("close", () => this.#end());
    from.on("error", () => this.#end());
    to.on("drain", () => this.wake());
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  /** Something changed that may let bytes pass. */
  wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      this.#pump();
    } finally {
      this.#pumping = false;
    }
  }

  #arrived(chunk: Buffer): void {
    const { transform, shape, from } = this.#options;
    for (const piece of transform === undefined ? [chunk] : transform(chunk)) {
      this.#queue.push({ chunk: piece, dueMs: performance.now() + shape.latencyMs });
      this.#heldBytes += piece.byteLength;
    }
    if (this.#heldBytes > MAX_HELD_BYTES) from.pause();
    this.wake();
  }

  #end(): void {
    this.#ended = true;
    this.wake();
  }

  #pump(): void {
    const { shape, direction, to, from } = this.#options;
    clearTimeout(this.#timer);
    for (;;) {
      if (this.#stopped || shape.silent[direction]) return;
      const head = this.#queue[0];
      if (head === undefined) break;
      const wait = head.dueMs - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.wake(), wait);
        return;
      }
      if (to.writableNeedDrain) return;
      this.#send(head);
    }
    if (from.isPaused()) from.resume();
    if (this.#ended) this.#options.closed();
  }

  #send(head: Held): void {
    const { shape, cutAfter, room, passed, to } = this.#options;
    const beforeCut = cutAfter === undefined ? Infinity : cutAfter - this.#sentBytes;
    // A limited lane sends 20 ms worth at a time.
    const slice = Number.isFinite(shape.bytesPerSecond) ? Math.max(1, Math.floor(shape.bytesPerSecond / 50)) : Infinity;
    const size = Math.min(head.chunk.byteLength, beforeCut, room(), slice);
    const piece = head.chunk.subarray(0, size);
    if (size === head.chunk.byteLength) this.#queue.shift();
    else head.chunk = head.chunk.subarray(size);
    this.#heldBytes -= size;
    this.#sentBytes += size;
    if (size > 0 && to.writable) to.write(piece);
    const next = this.#queue[0];
    if (next !== undefined && Number.isFinite(slice))
      next.dueMs = Math.max(next.dueMs, performance.now() + (size / shape.bytesPerSecond) * 1000);
    if (size > 0) passed(size);
    if (cutAfter !== undefined && this.#sentBytes >= cutAfter) this.#options.cut();
  }
}
