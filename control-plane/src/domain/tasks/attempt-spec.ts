/** What a host is told to do in one attempt. No secret is in it: names only. */
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { Attempt, TaskCore } from "./model.ts";
import type { TaskSpec } from "./submission.ts";

export interface SpecSources {
  task: TaskCore;
  target: number;
  attempt: Attempt;
  spec: TaskSpec;
  prompt: string | null;
  /** Names of what is sealed. */
  sealed: readonly string[];
  /** How long a runner may go on by itself where its task may be run elsewhere. */
  stopAfterMs: number;
}

export function attemptSpec({ task, target, attempt, spec: { body, agents }, prompt, sealed, stopAfterMs }: SpecSources): AttemptSpec {
  const agent = agents[target] ?? undefined;
  return {
    task: task.id,
    attempt: attempt.id,
    fence: attempt.fence,
    n: attempt.n,
    ...(agent === undefined ? {} : { agent }),
    ...(prompt === null ? {} : { prompt }),
    ...(body.command === undefined ? {} : { command: body.command }),
    ...(body.images === undefined ? {} : { images: body.images }),
    // An agent was given its directory when it was assigned: what it is asked to do is there.
    // A repository is cloned for this task alone.
    workspace:
      body.workspace ??
      (agent === undefined || body.repository !== undefined ? { mode: "default" } : { mode: "path", path: agent.workspace }),
    ...(body.repository === undefined ? {} : { repository: body.repository }),
    ...(body.cwd === undefined ? {} : { cwd: body.cwd }),
    // `auto` is what would be without it; `none` is not, where the host's record names one.
    ...(body.container === undefined || body.container === "auto" ? {} : { container: body.container }),
    env: body.env ?? {},
    hostEnv: body.hostEnv ?? [],
    secretNames: [...new Set([...sealed, ...(body.secrets ?? [])])],
    ...(body.forwardAgent === true ? { forwardAgent: true } : {}),
    ...(body.model === undefined ? {} : { model: body.model }),
    ...(body.mode === undefined ? {} : { mode: body.mode }),
    ...(body.permissions === undefined ? {} : { permissions: body.permissions }),
    timeoutMs: task.timeoutMs,
    ...(body.heartbeatTimeoutMs === undefined ? {} : { heartbeatTimeoutMs: body.heartbeatTimeoutMs }),
    ...(task.idempotent && task.onLost === "retry" ? { stopAfterMs } : {}),
    trace: body.trace ?? false,
    ...(body.resumeSession === undefined ? {} : { resumeSession: body.resumeSession }),
  };
}
