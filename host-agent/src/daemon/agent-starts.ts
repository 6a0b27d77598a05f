/** One start of an agent at a time, until all that was begun for it has ended. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { err, type Result } from "@maestro/shared/result";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import { lateness, type Late } from "./start-late.ts";

type Agent = Readonly<{ id: string; name: string }>;

export class AgentStarts {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #log: Log;
  readonly #underWay = new Set<string>();

  constructor(clock: Pick<Clock, "monotonicMs">, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** No session is named: perhaps none comes. */
  refuse({ id, name }: Agent): MaestroError | undefined {
    return this.#underWay.has(id)
      ? maestroError("agent_running", `An earlier start of agent '${name}' has not ended on this host yet.`, {
          hint: `Ask again once it has: maestro agent show ${name}`,
        })
      : undefined;
  }

  async run<T>(agent: Agent, begin: (late: Late) => Promise<Result<T>>): Promise<Result<T>> {
    const refusal = this.refuse(agent);
    if (refusal !== undefined) return err(refusal);
    const { id, name } = agent;
    const fromMs = this.#clock.monotonicMs();
    this.#underWay.add(id);
    try {
      const begun = await begin(lateness(this.#clock));
      // The request for it has ended: this reaches nobody else.
      if (!begun.ok && this.#clock.monotonicMs() - fromMs >= REQUEST_TIMEOUT_MS)
        this.#log.warn("an agent did not start, and nobody awaits it any more", {
          agent: name,
          code: begun.error.code,
          reason: begun.error.detail,
        });
      return begun;
    } finally {
      this.#underWay.delete(id);
    }
  }
}
