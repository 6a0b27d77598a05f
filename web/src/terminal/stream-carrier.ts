/** Keeps one viewer's stream: frames and parsed bytes go in, what follows from them is done, and what was parsed is acknowledged. */
import { VIEWER_IDLE_ACK_MS } from "@maestro/shared/limits";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { decodeFrame } from "@maestro/shared/protocol/frame";
import type { ToViewerFrame, ViewerFrame } from "@maestro/shared/protocol/viewer";
import {
  emptyStream,
  hasUnacknowledged,
  onBinary,
  onControl,
  onIdle,
  onWritten,
  reopened,
  resumeFrom,
  type Effect,
  type Step,
  type Stream,
} from "./stream.ts";

interface StreamPort {
  send(frame: ViewerFrame): void;
  /** A screen replaces what is there. */
  write(bytes: Extract<Effect, { type: "write" | "screen" }>): void;
  /** [CH5] So many bytes will not come. */
  missed(bytes: number): void;
  redial(why: string): void;
  changed(stream: Stream): void;
}

export class StreamCarrier {
  readonly #port: StreamPort;
  #stream: Stream = emptyStream;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(port: StreamPort) {
    this.#port = port;
  }

  get isFollowing(): boolean {
    return this.#stream.phase.type === "following";
  }

  get epoch(): number {
    return this.#stream.cursor?.epoch ?? 0;
  }

  /** A new socket carries it. Returns what that may continue from. */
  reopen(): Cursor | undefined {
    this.#stream = reopened(this.#stream);
    return resumeFrom(this.#stream);
  }

  control(frame: ToViewerFrame): void {
    this.#apply(onControl(this.#stream, frame));
  }

  binary(data: Uint8Array): void {
    const frame = decodeFrame(data);
    if (!frame.ok) return this.#port.redial(frame.error.detail);
    if (frame.value !== undefined) this.#apply(onBinary(this.#stream, frame.value));
  }

  /** The terminal has parsed everything before `end`. */
  written(end: Cursor): void {
    this.#apply(onWritten(this.#stream, end));
  }

  dispose(): void {
    clearTimeout(this.#idleTimer);
  }

  #apply(step: Step): void {
    this.#stream = step.stream;
    for (const effect of step.effects) this.#perform(effect);
    this.#port.changed(this.#stream);
    if (hasUnacknowledged(this.#stream) && this.#idleTimer === undefined) {
      this.#idleTimer = setTimeout(() => {
        this.#idleTimer = undefined;
        this.#apply(onIdle(this.#stream));
      }, VIEWER_IDLE_ACK_MS);
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send":
        return this.#port.send(effect.frame);
      case "write":
      case "screen":
        return this.#port.write(effect);
      case "gap":
        return this.#port.missed(effect.to - effect.from);
      case "redial":
        return this.#port.redial(effect.why);
    }
  }
}
