/**
 * [LK4] Is the far end there? The constant text `ping` every 20 s, answered by the platform. No answer in 10 s:
 * ask at once again; a second miss: the link is dead, whatever TCP thinks.
 */
import { PING_INTERVAL_MS, PONG_TIMEOUT_MS } from "@maestro/shared/limits";
import { noCancel, type Cancel, type Clock } from "../daemon/clock.ts";

export const PING = "ping";
export const PONG = "pong";

export class Heartbeat {
  readonly #clock: Clock;
  readonly #scale: number;
  readonly #ping: () => void;
  readonly #dead: () => void;
  #cancel: Cancel = noCancel;
  #state: "stopped" | "resting" | "asked" | "asked-again" = "stopped";

  constructor(clock: Clock, timeScale: number, hooks: { ping(): void; dead(): void }) {
    this.#clock = clock;
    this.#scale = timeScale;
    this.#ping = hooks.ping;
    this.#dead = hooks.dead;
  }

  start(): void {
    this.#rest();
  }

  /** Answers, and only answers, count: other traffic may come out of a buffer on the way. */
  pong(): void {
    if (this.#state === "asked" || this.#state === "asked-again") this.#rest();
  }

  stop(): void {
    this.#state = "stopped";
    this.#cancel();
  }

  #rest(): void {
    this.#state = "resting";
    this.#in(PING_INTERVAL_MS, () => this.#ask("asked"));
  }

  #ask(next: "asked" | "asked-again"): void {
    this.#state = next;
    this.#ping();
    this.#in(PONG_TIMEOUT_MS, () => {
      if (this.#state === "asked") return this.#ask("asked-again");
      if (this.#state !== "asked-again") return;
      this.#state = "stopped";
      this.#dead();
    });
  }

  #in(ms: number, run: () => void): void {
    this.#cancel();
    this.#cancel = this.#clock.after(ms * this.#scale, run);
  }
}
