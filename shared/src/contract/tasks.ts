/** Tasks as the API takes and gives them. Times are ISO-8601 UTC, durations milliseconds unless named otherwise. */
import * as z from "zod";
import { Repository } from "./repository.ts";
import { EnvMap, Labels } from "./maps.ts";
import { EnvName, Slug } from "./agent-types.ts";
import { TASK_REASON_CODES, WAITING_CODES } from "./task-reasons.ts";
import { IMAGE_TYPES } from "../image.ts";
import {
  MAX_PROMPT_CHARS,
  MAX_TASK_RETRIES,
  MAX_TASKS_BENEATH,
  MAX_TASK_TIMEOUT_MS,
  MIN_TASK_TIMEOUT_MS,
  STOP_GRACE_MS,
} from "../limits.ts";

const Time = z.iso.datetime();
const Path = z.string().min(1).max(4096);
/** A made id, or one that the submitter chose (`--id t123`). */
export const TaskRef = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "must match [a-z0-9][a-z0-9_-]{0,62}");

export const TASK_STATES = [
  "blocked",
  "queued",
  "offered",
  "running",
  "cancelling",
  "unknown",
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "lost",
] as const;
export const TaskState = z.enum(TASK_STATES);
export type TaskState = z.infer<typeof TaskState>;
export const FINAL_STATES = ["completed", "failed", "cancelled", "timed_out", "lost"] as const satisfies readonly TaskState[];
export type FinalState = (typeof FINAL_STATES)[number];
const FINAL: ReadonlySet<TaskState> = new Set(FINAL_STATES);
export const isFinal = (state: TaskState): state is FinalState => FINAL.has(state);

export const TaskReason = z.object({
  code: z.enum(TASK_REASON_CODES),
  detail: z.string().max(2048),
  hint: z.string().max(1024).optional(),
  /** When a quota is said to come back. */
  retryAt: Time.optional(),
});
export type TaskReason = z.infer<typeof TaskReason>;

/** [SKILL38] Why it does not run yet. */
export const Waiting = z.object({ code: z.enum(WAITING_CODES), detail: z.string().max(512), until: Time.optional() });
export type Waiting = z.infer<typeof Waiting>;

export const Usage = z.object({
  inputTokens: z.int().min(0).optional(),
  outputTokens: z.int().min(0).optional(),
  cacheReadTokens: z.int().min(0).optional(),
  cacheWriteTokens: z.int().min(0).optional(),
  costUsd: z.number().min(0).optional(),
  turns: z.int().min(0).optional(),
  cpuMs: z.number().min(0).optional(),
  peakMemoryBytes: z.number().min(0).optional(),
  wallMs: z.number().min(0).optional(),
});
export type Usage = z.infer<typeof Usage>;

/** Where the work happens; without it, in the agent's own workspace, and for a command without an agent as `default`: <workspace root>/<agent>/<task>, from the type's template where it has one. */
export const WorkspaceSpec = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("default") }),
  /** The agent's own workspace, or any allowed directory; made if missing. */
  z.strictObject({ mode: z.literal("path"), path: Path }),
  /** A git worktree of `repo` (a directory of the host), on a branch of its own; removed at cleanup if nothing in it would be lost. */
  z.strictObject({ mode: z.literal("worktree"), repo: Path, branch: z.string().max(200).optional() }),
]);
export type WorkspaceSpec = z.infer<typeof WorkspaceSpec>;

export const DependencyOn = z.enum(["success", "completion", "failure"]);
export const Dependency = z.strictObject({ task: z.string().min(1).max(63), on: DependencyOn.optional() });

export const HostSelector = z.strictObject({
  /** Name or id. */
  host: z.string().max(63).optional(),
  labels: Labels.optional(),
  capabilities: z.array(z.string().max(64)).max(16).optional(),
});
export type HostSelector = z.infer<typeof HostSelector>;

export const OnLost = z.enum(["wait", "fail", "retry"]);

/** Its base64, or a data URL: what it is, its first bytes say. See `image.ts`. */
export const ImageInput = z.union([z.string(), z.strictObject({ name: z.string().min(1).max(255).optional(), data: z.string() })]);
export type ImageInput = z.infer<typeof ImageInput>;

export const TaskImage = z.object({
  /** Safe as the name of a file, ending as its type does. */
  name: z.string().max(80),
  type: z.enum(IMAGE_TYPES),
  bytes: z.int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type TaskImage = z.infer<typeof TaskImage>;

/** What agents may have done beneath a task: by the tasks that they submit, what those submit, and so on, all together. */
export const Budget = z.strictObject({
  /** By what the agents' CLIs tell of their cost; of one that tells none only its task counts. */
  usd: z.number().positive().max(1_000_000).optional(),
  tasks: z.int().min(0).max(MAX_TASKS_BENEATH).optional(),
});
export type Budget = z.infer<typeof Budget>;

/** Exactly one of `prompt` and `command`. */
export const TaskBody = z.strictObject({
  id: TaskRef.optional(),
  prompt: z.string().min(1).max(MAX_PROMPT_CHARS).optional(),
  /** argv; a step without an LLM. */
  command: z.array(z.string().max(16_384)).min(1).max(256).optional(),
  /** Beside a prompt: files that its agent can read while it runs. */
  images: z.array(ImageInput).optional(),
  /** Agents, by name, id prefix, or a type with one agent. */
  to: z.array(z.string().min(1).max(63)).max(50).optional(),
  /** Where a task without an agent may run. A `target:<name>` label of the task does the same as `host`. */
  on: HostSelector.optional(),
  workspace: WorkspaceSpec.optional(),
  /** Cloned into `repo` of a workspace of the task's own, or of the one that is given; the task works in it. */
  repository: Repository.optional(),
  /** Relative to the workspace, or to the repository. */
  cwd: Path.optional(),
  /** A container of the host, by name, in which it runs; it has to run already. */
  container: z
    .string()
    .max(128)
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, "must be the name of a container")
    .optional(),
  priority: z.int().min(1).max(5).optional(),
  /** From start to end; default 1,800 s. */
  timeoutMs: z.int().min(MIN_TASK_TIMEOUT_MS).max(MAX_TASK_TIMEOUT_MS).optional(),
  /** From submission to start; default none. */
  scheduleTimeoutMs: z.int().min(MIN_TASK_TIMEOUT_MS).max(MAX_TASK_TIMEOUT_MS).optional(),
  /** Without output or progress; default none. */
  heartbeatTimeoutMs: z.int().min(MIN_TASK_TIMEOUT_MS).max(MAX_TASK_TIMEOUT_MS).optional(),
  dependsOn: z.array(Dependency).max(100).optional(),
  /** What becomes of it when a dependency does not end as it must. */
  ifFailed: z.enum(["fail", "run"]).optional(),
  retries: z.int().min(0).max(MAX_TASK_RETRIES).optional(),
  /** Reasons that are retried beyond the transient ones. */
  retryOn: z.array(z.enum(TASK_REASON_CODES)).max(30).optional(),
  /** It may run twice without harm: only then may a lost attempt be run elsewhere. */
  idempotent: z.boolean().optional(),
  onLost: OnLost.optional(),
  env: EnvMap.optional(),
  /** Values of allow-listed names from the caller's environment: sealed at once, kept as ciphertext, gone at the end [TK5]. */
  credentials: z.record(EnvName, z.string().min(1).max(16_384)).optional(),
  /** Names of the fleet's secrets, set in the environment under the same name. */
  secrets: z.array(EnvName).max(32).optional(),
  /** Allow-listed names that the host takes from its own environment. */
  hostEnv: z.array(EnvName).max(32).optional(),
  /** On a host that is reached by ssh: it may use the ssh-agent of the linked host that reaches it, while it runs. */
  forwardAgent: z.boolean().optional(),
  model: z.string().max(128).optional(),
  mode: z.string().max(64).optional(),
  /** `plan`: it may read and answer, whatever its type may do besides. Agents whose CLI cannot be held to that are refused. */
  permissions: z.literal("plan").optional(),
  description: z.string().max(1024).optional(),
  labels: Labels.optional(),
  /** At most `limit` tasks of one name run at a time. */
  group: z.strictObject({ name: Slug, limit: z.int().min(1).max(1000) }).optional(),
  budget: Budget.optional(),
  /** [SKILL35] Stamps each line of the log. */
  trace: z.boolean().optional(),
  /** The agent CLI's own session to go on from. */
  resumeSession: z.string().max(128).optional(),
});
export type TaskBody = z.infer<typeof TaskBody>;

const Named = z.object({ id: z.string(), name: z.string() });

/** As its host told it at the end: `complete` is the log that it wrote. How much of it is stored, LOG_HEADERS of the log itself say. */
export const LogInfo = z.object({
  bytes: z.int().min(0),
  sha256: z.string().optional(),
  complete: z.boolean(),
  omittedBytes: z.int().min(0).optional(),
  /** Secrets by name whose values were not known any more when it was sent: only what looks like one is blotted out. */
  unredacted: z.array(z.string()).optional(),
});
export type LogInfo = z.infer<typeof LogInfo>;

/** What an attempt takes of its machine while it runs, as its host said last: told every half minute, kept nowhere. */
export const Load = z.object({
  /** Processors in use. */
  cpu: z.number().min(0),
  memoryBytes: z.number().min(0),
  at: Time,
});
export type Load = z.infer<typeof Load>;

/** One execution by one agent on one host. */
export const Attempt = z.object({
  id: z.string(),
  task: z.string(),
  target: z.int().min(0),
  n: z.int().min(1),
  fence: z.int().min(1),
  host: Named,
  agent: Named.optional(),
  status: TaskState,
  reason: TaskReason.optional(),
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  createdAt: Time,
  startedAt: Time.optional(),
  finishedAt: Time.optional(),
  workspace: z.string().optional(),
  branch: z.string().optional(),
  session: z.string().optional(),
  usage: Usage.optional(),
  load: Load.optional(),
  log: LogInfo.optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** One agent (or, without one, one host) that the task was sent to. */
export const TaskTarget = z.object({
  agent: z.object({ id: z.string(), name: z.string(), type: z.string() }).optional(),
  host: Named.optional(),
  status: TaskState,
  reason: TaskReason.optional(),
  waiting: Waiting.optional(),
  exitCode: z.int().optional(),
  result: z.string().optional(),
  usage: Usage.optional(),
  attempts: z.int().min(0),
  attempt: z.string().optional(),
});
export type TaskTarget = z.infer<typeof TaskTarget>;

export const Task = z.object({
  id: z.string(),
  status: TaskState,
  reason: TaskReason.optional(),
  waiting: Waiting.optional(),
  /** In lists only its first 200 characters. */
  prompt: z.string().optional(),
  command: z.array(z.string()).optional(),
  /** What they are, never their bytes. */
  images: z.array(TaskImage).optional(),
  description: z.string().optional(),
  priority: z.int(),
  labels: Labels,
  createdAt: Time,
  createdBy: z.string(),
  startedAt: Time.optional(),
  finishedAt: Time.optional(),
  timeoutMs: z.int(),
  retries: z.int(),
  idempotent: z.boolean(),
  onLost: OnLost,
  dependsOn: z.array(z.object({ task: z.string(), on: DependencyOn, status: TaskState.optional() })),
  parent: z.string().optional(),
  model: z.string().optional(),
  mode: z.string().optional(),
  env: z.array(z.string()),
  secrets: z.array(z.string()),
  /** Only where it was asked for. */
  forwardAgent: z.literal(true).optional(),
  trace: z.boolean(),
  workspace: WorkspaceSpec.optional(),
  /** As it was asked for; what may be a secret in its address is `***`. */
  repository: z.object({ url: z.string(), branch: z.string().optional() }).optional(),
  cwd: z.string().optional(),
  /** By name. The one that an agent's type asks for is not told. */
  container: z.string().optional(),
  group: z.object({ name: z.string(), limit: z.int() }).optional(),
  /** Once it was given one, or something was submitted beneath it. */
  budget: z.object({ usd: z.number().optional(), spentUsd: z.number(), tasks: z.int(), usedTasks: z.int() }).optional(),
  cancel: z.object({ at: Time, by: z.string(), reason: z.string() }).optional(),
  /** The first non-zero one in target order; 0 when all are. */
  exitCode: z.int().optional(),
  /** Of the only target; of several each has its own. */
  result: z.string().optional(),
  usage: Usage.optional(),
  targets: z.array(TaskTarget),
});
export type Task = z.infer<typeof Task>;
/** One task, whole. */
export const TaskDetail = Task.extend({ attempts: z.array(Attempt) });
export type TaskDetail = z.infer<typeof TaskDetail>;

/** `graceMs`: between SIGINT and SIGTERM, and again until SIGKILL; default 10,000. */
export const TaskCancel = z.strictObject({
  reason: z.string().max(512).optional(),
  graceMs: z.int().min(0).max(STOP_GRACE_MS).optional(),
});
export const TaskCleanup = z.strictObject({ keepLogs: z.boolean().optional() });
/** What cleanup did on each host. */
export const CleanupResult = z.object({
  task: z.string(),
  items: z.array(
    z.object({
      attempt: z.string(),
      host: z.string(),
      workspace: z.string().optional(),
      /** `kept` says why in `detail`: uncommitted work in a worktree, a directory the user named. */
      outcome: z.enum(["removed", "kept", "absent", "unreachable"]),
      detail: z.string().optional(),
      logKept: z.boolean(),
    }),
  ),
});
export type CleanupResult = z.infer<typeof CleanupResult>;

/** [SKILL22] The queue across agents. */
export const Queue = z.object({
  counts: z.record(TaskState, z.int()),
  hosts: z.array(
    z.object({ id: z.string(), name: z.string(), online: z.boolean(), draining: z.boolean(), running: z.int(), limit: z.int() }),
  ),
  groups: z.array(z.object({ name: z.string(), running: z.int(), limit: z.int() })),
  items: z.array(
    z.object({
      task: z.string(),
      title: z.string(),
      target: z.int(),
      agent: Named.optional(),
      host: Named.optional(),
      status: TaskState,
      priority: z.int(),
      createdAt: Time,
      waiting: Waiting.optional(),
    }),
  ),
  nextCursor: z.string().optional(),
});
export type Queue = z.infer<typeof Queue>;

/** Lines of `GET /tasks/:id/log` are bytes; these headers say what they are. */
export const LOG_HEADERS = {
  start: "x-maestro-log-start",
  bytes: "x-maestro-log-bytes",
  complete: "x-maestro-log-complete",
  sha256: "x-maestro-log-sha256",
  /** [LG2] `<from>-<to>`: left out; the body has a marker there (`log-marker.ts`). Absent when nothing is. */
  omitted: "x-maestro-log-omitted",
} as const;

/** [SKILL6] */
export const AgentHealth = z.object({
  agent: Named,
  host: Named,
  status: z.enum(["healthy", "unhealthy"]),
  reasons: z.array(z.object({ code: z.string(), detail: z.string(), hint: z.string().optional() })),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  lastTask: z.string().optional(),
});
export type AgentHealth = z.infer<typeof AgentHealth>;
