/** A follower of events that folds frames into a list; tests await what they expect next. */
import { expect } from "vitest";
import type { FleetEvent } from "@maestro/shared/contract/resources";

type Frame =
  | { t: "hello"; seq: number }
  | { t: "event"; event: FleetEvent }
  | { t: "reset" }
  | { t: "pong" }
  | { t: "closed"; code: number; reason: string };

export class Follower {
  readonly socket: WebSocket;
  readonly #frames: Frame[] = [];
  #wake = (): void => undefined;

  constructor(answer: Response) {
    expect(answer.status).toBe(101);
    if (answer.webSocket === null) throw new Error("no socket");
    this.socket = answer.webSocket;
    this.socket.addEventListener("message", ({ data }) => this.#take(data === "pong" ? { t: "pong" } : JSON.parse(String(data))));
    this.socket.addEventListener("close", ({ code, reason }) => this.#take({ t: "closed", code, reason }));
    this.socket.accept();
  }

  /** The next frame, whenever it comes. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => (this.#wake = resolve));
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
