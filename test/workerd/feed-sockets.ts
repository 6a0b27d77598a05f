/** A follower of events that folds frames into a list; tests await what they expect next. */
import { expect } from "vitest";
import type { FleetEvent } from "@maestro/shared/contract/resources";

type Frame =
  | { t: "hello"; seq: number }
  | { t: "event"; event: FleetEvent }
  | { t: "reset" }
  | { t: "pong" }
  | { t: "closed"; code: number; reason: string };

/** Long enough for a busy machine; less than a test has. */
const PATIENCE_MS = 15_000;

export class Follower {
  readonly socket: WebSocket;
  readonly #frames: Frame[] = [];
  #wake = (): void => undefined;
  /** What was taken last, for a wait in vain. */
  #last: Frame | undefined;

  constructor(answer: Response) {
    expect(answer.status).toBe(101);
    if (answer.webSocket === null) throw new Error("no socket");
    this.socket = answer.webSocket;
    this.socket.addEventListener("message", ({ data }) => this.#take(data === "pong" ? { t: "pong" } : JSON.parse(String(data))));
    this.socket.addEventListener("close", ({ code, reason }) => this.#take({ t: "closed", code, reason }));
    this.socket.accept();
  }

  /** The next frame, when it comes. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#last = frame;
        return frame;
      }
      await new Promise<void>((resolve, reject) => {
        const giveUp = setTimeout(() => reject(new Error(`no frame came after ${JSON.stringify(this.#last)}`)), PATIENCE_MS);
        this.#wake = () => {
          clearTimeout(giveUp);
          resolve();
        };
      });
    }
  }

  async event(): Promise<FleetEvent> {
    const frame = await this.next();
    if (frame.t !== "event") throw new Error(`expected an event, got ${JSON.stringify(frame)}`);
    return frame.event;
  }

  #take(frame: Frame): void {
    this.#frames.push(frame);
    this.#wake();
  }
}
