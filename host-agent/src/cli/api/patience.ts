/** Asks again while the control plane is away, for what goes on without it. */
import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { ERRORS, isErrorCode, MaestroFailure } from "@maestro/shared/errors";
import { ServerRefusal } from "../render/failure.ts";

export interface Patience {
  signal: AbortSignal;
  /** Waits are multiplied by it; 1 but in tests. */
  scale: number;
  /** The control plane has answered: before that a wrong address would be asked for ever. */
  met: boolean;
  /** Told once per outage. */
  away(why: string): void;
}

const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 5_000;
/** Some ten minutes. */
const MAX_TRIES = 120;
/** A follower hears nothing for so long: the connection is taken for dead. */
const SILENT_MS = 90_000;

/** Throws the refusal that more of asking would not change, or whatever came last when interrupted. */
export async function patiently<T>(patience: Patience, ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await ask();
      patience.met = true;
      return answer;
    } catch (error) {
      if (!patience.met || patience.signal.aborted || tries >= MAX_TRIES || !isPassing(error)) throw error;
      if (tries === 0) patience.away(error instanceof MaestroFailure ? error.error.detail : String(error));
      await rest(patience, tries);
    }
  }
}

/** Longer with each time in a row; an interruption ends it. */
export async function rest({ signal, scale }: Patience, times: number): Promise<void> {
  const ceiling = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(times, 10));
  await pause(ceiling * (0.5 + Math.random() / 2) * scale, undefined, { signal }).catch(() => undefined);
}

/** A network that went away without a word says nothing: what is followed then breaks here, and is asked for again. */
export function breakWhenSilent(body: IncomingMessage, { scale }: Pick<Patience, "scale">): void {
  body.setTimeout(SILENT_MS * scale, () => body.destroy(Object.assign(new Error("nothing was heard for too long"), { code: "ETIMEDOUT" })));
}

function isPassing(error: unknown): boolean {
  if (error instanceof MaestroFailure) return isRetryable(error.error.code);
  return error instanceof ServerRefusal && (error.problem.status >= 500 || isRetryable(error.problem.code));
}

const isRetryable = (code: string): boolean => isErrorCode(code) && "retryable" in ERRORS[code] && ERRORS[code].retryable;
