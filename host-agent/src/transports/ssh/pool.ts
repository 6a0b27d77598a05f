/**
 * Connections to remote hosts, one per target, for whoever has something to run there. None of them is shown an ssh-agent: one that
 * a session is shown, every session of its connection is.
 */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, type Result } from "@maestro/shared/result";
import type { SshTarget } from "../ssh-target.ts";
import type { SshConnection } from "./connection.ts";
import { exec, type ExecDone, type ExecRequest } from "./exec.ts";
import { placeOf } from "./host-key.ts";
import { Line, type LineDeps } from "./line.ts";
import type { RemoteProcess } from "./process.ts";
import { startScript, type StartRequest } from "./start.ts";

/** What stays open waits this long for one of the others to end. */
const TURN_MS = 30_000;

export class SshPool implements AsyncDisposable {
  readonly #deps: LineDeps;
  readonly #lines = new Map<string, Line>();

  /** @param deps when its signal is aborted, all connections are closed and none is made any more. */
  constructor(deps: LineDeps) {
    this.#deps = deps;
  }

  /**
   * @param requester who waits in one queue: other requesters are served in between. The wait counts for the deadline.
   * Errors: those of `dial` and of `exec`.
   */
  async exec(target: SshTarget, request: ExecRequest, requester: string): Promise<Result<ExecDone>> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonicMs() + request.deadlineMs;
    const work = (connection: SshConnection) =>
      exec(connection, { ...request, deadlineMs: Math.max(1, untilMs - clock.monotonicMs()) }, clock);
    return this.#inTime(target, request.signal, request.deadlineMs, work, (signal, begun) =>
      this.#lineTo(target).inTurn("short", requester, signal, begun, () => Promise.resolve()),
    );
  }

  /** For what stays: its turn lasts until the process has ended. Errors: `timeout` where no turn comes, those of `dial` and of `startScript`. */
  start(target: SshTarget, request: Omit<StartRequest, "forwardAgent">, requester: string): Promise<Result<RemoteProcess>> {
    const work = (connection: SshConnection) => startScript(connection, { ...request, forwardAgent: "no" });
    return this.#inTime(target, request.signal, TURN_MS + wayMs(target), work, (signal, begun) =>
      this.#lineTo(target).inTurn("long", requester, signal, begun, ({ ended }) => ended),
    );
  }

  /** What was known of failures is forgotten: somebody has seen to the host since. */
  forgive(target: SshTarget): void {
    this.#lines.get(keyOf(target))?.forgive();
  }

  /** After the signal was aborted: resolves once nothing is open any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
  }

  /** The deadline is of what comes before the work, which has one of its own. */
  async #inTime<T>(
    target: SshTarget,
    wanted: AbortSignal,
    deadlineMs: number,
    work: (connection: SshConnection) => Promise<Result<T>>,
    inTurn: (signal: AbortSignal, work: (connection: SshConnection) => Promise<Result<T>>) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const late = new AbortController();
    const cancel = this.#deps.clock.after(deadlineMs, () => late.abort());
    let hasBegun = false;
    try {
      const result = await inTurn(AbortSignal.any([wanted, late.signal]), async (connection) => {
        hasBegun = true;
        const done = await work(connection);
        // Then it waits for its turn once more.
        hasBegun = done.ok || done.error.code !== "session_limit";
        return done;
      });
      return late.signal.aborted && !result.ok && !hasBegun ? err(noTurn(target, deadlineMs)) : result;
    } finally {
      cancel();
    }
  }

  #lineTo(target: SshTarget): Line {
    const key = keyOf(target);
    const line = this.#lines.get(key) ?? new Line(target, this.#deps, () => this.#lines.delete(key));
    this.#lines.set(key, line);
    return line;
  }
}

const keyOf = (target: SshTarget): string => JSON.stringify(target);

const wayMs = ({ route, connectTimeoutMs }: SshTarget): number => connectTimeoutMs * (route.kind === "jump" ? route.hops.length + 1 : 1);

const noTurn = (target: SshTarget, ms: number): MaestroError =>
  maestroError("timeout", `Nothing could be started on ${placeOf(target)} within ${ms / 1000} s.`, {
    field: "address",
    hint: "It is slow to connect, or as much runs there as one connection takes.",
  });
