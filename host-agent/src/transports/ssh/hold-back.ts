/** After a failure: what a later time may mend is waited for, what only people can mend is told again for a while. */
import { ERRORS, type MaestroError } from "@maestro/shared/errors";
import { redialDelayMs } from "@maestro/shared/protocol/backoff";
import { pause, type Clock } from "../../daemon/clock.ts";

export interface HoldBackDeps {
  clock: Clock;
  /** In [0, 1). */
  random(): number;
  /** Waits are multiplied by it. */
  timeScale: number;
}

export class HoldBack {
  readonly #deps: HoldBackDeps;
  #failed: { attempt: number; error: MaestroError; untilMs: number } | undefined;

  constructor(deps: HoldBackDeps) {
    this.#deps = deps;
  }

  /** One more in a row. */
  note(error: MaestroError): void {
    const { clock, random, timeScale } = this.#deps;
    const attempt = this.#failed?.attempt ?? 0;
    this.#failed = { attempt: attempt + 1, error, untilMs: clock.monotonicMs() + redialDelayMs(attempt, random(), timeScale) };
  }

  forget(): void {
    this.#failed = undefined;
  }

  /** Resolves when the next try may be made, or with why none is. */
  async pass(wanted: AbortSignal): Promise<MaestroError | undefined> {
    if (this.#failed === undefined) return undefined;
    const { error, untilMs } = this.#failed;
    const waitMs = untilMs - this.#deps.clock.monotonicMs();
    if (waitMs <= 0) return undefined;
    if (!ERRORS[error.code].retryable) return error;
    await pause(this.#deps.clock, waitMs, wanted);
    return undefined;
  }
}
