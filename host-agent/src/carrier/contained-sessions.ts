/** Sessions of this machine whose type asks for a container of its own: what the holder starts for one leads into that. */
import { maestroError } from "@maestro/shared/errors";
import type { SessionInfo, Size } from "@maestro/shared/protocol/session";
import { err, type Result } from "@maestro/shared/result";
import { pause, type Clock } from "../daemon/clock.ts";
import type { Late } from "../daemon/start-late.ts";
import type { Isolated, IsolatedOrder } from "./isolated-work.ts";
import { namingProgram, type SessionPlan } from "./session-plan.ts";
import { TerminalEnds, type TerminalEndsDeps } from "./terminal-ends.ts";
import { openCommand } from "./terminal-open.ts";

export interface ContainedSessionsDeps extends Omit<TerminalEndsDeps, "wipe"> {
  isolated: Pick<Isolated, "session" | "wipe">;
  /** Where the engine is. */
  engineEnv: Readonly<Record<string, string>>;
  clock: Clock;
  timeScale: number;
}

export interface ContainedOrder extends IsolatedOrder {
  size: Size;
  backend: "auto" | "tmux" | "pty" | "echo";
  late: Late;
}

const SWEEP_MS = 60_000;

export class ContainedSessions {
  readonly #deps: ContainedSessionsDeps;
  readonly #ends: TerminalEnds;

  constructor(deps: ContainedSessionsDeps) {
    this.#deps = deps;
    this.#ends = new TerminalEnds({ ...deps, wipe: (container, session) => deps.isolated.wipe(container, "terminals", session) });
  }

  async start(order: ContainedOrder): Promise<Result<SessionInfo>> {
    return this.#deps.isolated.session(order, async (plan) => {
      const made = await this.#ends.opening(order.id, () => this.#open(order, plan));
      return made.ok ? made : err(namingProgram(order.agent, plan, made.error));
    });
  }

  async #open(
    { id, agent, workspace, size, backend, late }: ContainedOrder,
    { argv, env, container }: SessionPlan & { container: string },
  ): Promise<Result<SessionInfo>> {
    const { keeper, files, engineEnv } = this.#deps;
    const holder = keeper.client();
    if (!holder.ok) return holder;
    if (backend === "echo")
      return err(maestroError("backend_unavailable", "The backend 'echo' starts no program.", { hint: "Ask for tmux or pty." }));
    files.write({ session: id, container, isolated: true });
    const program = { session: id, cwd: workspace, argv, env: { ...env, MAESTRO_SESSION: id } };
    const prepared = await this.#ends.prepare(container, program, "never");
    if (!prepared.ok) return prepared;
    const over = late();
    if (over !== undefined) return err(over);
    return holder.value.create({
      id,
      name: agent.name,
      // A session that somebody gave this name must not keep the agent from starting.
      orNumbered: agent.name,
      argv: ["/bin/sh", "-c", openCommand(id, container)],
      shown: argv.join(" ").slice(0, 512),
      cwd: workspace,
      env: engineEnv,
      cols: size.cols,
      rows: size.rows,
      backend,
      agent: agent.id,
    });
  }

  /** Every process of it inside; of one that runs in no container nothing. */
  end(session: string, force: boolean): Promise<Result<void>> {
    return this.#ends.end(session, force);
  }

  sweep(): Promise<void> {
    return this.#ends.sweep();
  }

  /** Until aborted: what could not be ended at once. What runs goes on. */
  async run(stopped: AbortSignal): Promise<void> {
    const { keeper, clock, timeScale } = this.#deps;
    await keeper.tried;
    while (!stopped.aborted) {
      await this.sweep();
      await pause(clock, SWEEP_MS * timeScale, stopped);
    }
  }
}
