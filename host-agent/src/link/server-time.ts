/**
 * [LK1] The server's time as the host knows it. Once told, it is carried forward on the monotonic clock, so a
 * step of the local calendar (F23) neither locks the host out nor moves what it reports.
 */
import type { MaestroError } from "@maestro/shared/errors";
import type { Clock } from "../daemon/clock.ts";

export class ServerTime {
  readonly #clock: Clock;
  #anchor: { serverMs: number; monotonicMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    const anchor = this.#anchor;
    return Math.round(anchor === undefined ? this.#clock.wallMs() : anchor.serverMs + (this.#clock.monotonicMs() - anchor.monotonicMs));
  }

  /** What to add to times of this machine. */
  offsetMs(): number {
    return this.#anchor === undefined ? 0 : this.nowMs() - Math.round(this.#clock.wallMs());
  }

  learn(serverMs: number): void {
    if (Number.isFinite(serverMs) && serverMs > 0) this.#anchor = { serverMs, monotonicMs: this.#clock.monotonicMs() };
  }

  /** True when the refusal was about the clock and told the right time. */
  learnFrom(error: MaestroError): boolean {
    const told = error.extra?.["serverTime"];
    if (error.code !== "clock_skew" || told === undefined) return false;
    const serverMs =
      typeof told === "number" ? told : typeof told === "string" ? (/^\d+$/.test(told) ? Number(told) : Date.parse(told)) : Number.NaN;
    if (!Number.isFinite(serverMs)) return false;
    this.learn(serverMs);
    return true;
  }
}
