/** [LK5] [LK6] What follows the end of a connection attempt: pure, from the shared table of close codes. */
import { ERRORS, type MaestroError } from "@maestro/shared/errors";
import { redialDelayMs, spreadDelayMs, STABLE_AFTER_MS } from "@maestro/shared/protocol/backoff";
import { redialFor } from "@maestro/shared/protocol/close-codes";

export type Outcome =
  /** It had been open. */
  | { type: "closed"; code: number; reason: string; openMs: number }
  | { type: "refused"; status: number; error: MaestroError; retryAfterMs: number | undefined }
  | { type: "unreachable"; error: MaestroError }
  /** The daemon stops. */
  | { type: "stopped" };

export interface RedialState {
  /** Failures in a row. */
  attempt: number;
  /** Closed `superseded` since the last stable connection. */
  superseded: number;
  /** Corrections in a row that did not help. */
  corrections: number;
}
export const freshRedial: RedialState = { attempt: 0, superseded: 0, corrections: 0 };

export type Decision =
  | { type: "stop" }
  | { type: "after"; ms: number; state: RedialState }
  /** Until credentials, rights or version changed, and every few minutes anyway: an operator may have repaired it. */
  | { type: "wait"; ms: number; why: string; state: RedialState };

/** How long a refusal that only a change can lift is believed. */
export const WAIT_MS = 5 * 60_000;
/** Corrections (clock, key) are tried at once, this often in a row. */
const MAX_CORRECTIONS = 3;

/** @param corrected the refusal named something that has been corrected meanwhile (clock offset, the other key). */
export function decideRedial(state: RedialState, outcome: Outcome, corrected: boolean, random: number, scale: number): Decision {
  switch (outcome.type) {
    case "stopped":
      return { type: "stop" };
    case "unreachable":
      return backoff(state, random, scale, 0);
    case "refused": {
      const { error, status, retryAfterMs } = outcome;
      if (corrected && state.corrections < MAX_CORRECTIONS)
        return { type: "after", ms: 0, state: { ...state, corrections: state.corrections + 1 } };
      if (error.code === "server_error" || ERRORS[error.code].retryable || status === 429 || status >= 500)
        return backoff(state, random, scale, retryAfterMs ?? 0);
      return { type: "wait", ms: WAIT_MS * scale, why: error.code, state: { ...state, attempt: state.attempt + 1 } };
    }
    case "closed": {
      const stable = outcome.openMs >= STABLE_AFTER_MS * scale;
      const settled = stable ? freshRedial : { ...state, corrections: 0 };
      const rule = redialFor(outcome.code);
      switch (rule) {
        case "spread":
          return { type: "after", ms: spreadDelayMs(random, scale), state: settled };
        case "once":
          return settled.superseded === 0
            ? { type: "after", ms: redialDelayMs(0, random, scale), state: { ...settled, superseded: 1 } }
            : { type: "wait", ms: WAIT_MS * scale, why: "superseded", state: { ...settled, superseded: 0 } };
        case "wait":
          return { type: "wait", ms: WAIT_MS * scale, why: outcome.reason === "" ? String(outcome.code) : outcome.reason, state: settled };
        // A host that the far end is done with keeps coming back: nothing but a credential may strand it.
        case "never":
        case "backoff":
          return backoff(settled, random, scale, 0);
      }
    }
  }
}

function backoff(state: RedialState, random: number, scale: number, atLeastMs: number): Decision {
  const ms = Math.max(atLeastMs * scale, redialDelayMs(state.attempt, random, scale));
  return { type: "after", ms, state: { ...state, attempt: state.attempt + 1, corrections: 0 } };
}
