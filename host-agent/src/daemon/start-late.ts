/** An agent that came up once nobody awaits it any more would run where it counts as idle, may have been moved, or be gone. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { AGENT_READY_MS } from "@maestro/shared/limits";
import type { Clock } from "./clock.ts";

/** Why it may not begin any more; undefined: it may. */
export type Late = () => MaestroError | undefined;

/** From now on. */
export function lateness(clock: Pick<Clock, "monotonicMs">): Late {
  const untilMs = clock.monotonicMs() + AGENT_READY_MS;
  return () =>
    clock.monotonicMs() < untilMs
      ? undefined
      : maestroError("timeout", `What the agent needs was not ready within ${AGENT_READY_MS / 1000} s.`, {
          hint: "Start it again: what has been made for it is kept.",
        });
}
