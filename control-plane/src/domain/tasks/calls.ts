/**
 * Who asks what of whom when work is done: the Worker's routes and the HostRelays ask the Scheduler, the Scheduler asks
 * the HostRelay of a host, the HostRelay fills the AttemptLogs. All of it travels as JSON between objects, refusals as values.
 */
import type { Dependency, HostSelector, Queue, Task, TaskBody, TaskDetail, TaskImage, CleanupResult } from "@maestro/shared/contract/tasks";
import type { Secret, StateEntry } from "@maestro/shared/contract/state";
import type { MaestroError } from "@maestro/shared/errors";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import type { Result } from "@maestro/shared/result";
import type * as z from "zod";
import type { AuditEntry } from "../access/audit-entry.ts";
import type { Reach } from "../events/reach.ts";

/** Who did it. `parent`: an agent, with the token of its attempt; checked against the fence in the Scheduler. */
export interface Actor {
  name: string;
  credential: string;
  parent?: { task: string; attempt: string; fence: number } | undefined;
}

/** An agent as it is when the task is submitted. */
export interface AgentOfTask {
  id: string;
  name: string;
  type: string;
  definition?: Record<string, unknown> | undefined;
  workspace: string;
  /** Started instead of its type's CLI: a path, or a name. */
  program?: string | undefined;
  model?: string | undefined;
  args: string[];
  env: Record<string, string>;
}

/** One attempt chain. With an agent the host is the agent's; without one any that the selector admits. */
export type NewTarget =
  | { kind: "agent"; agent: AgentOfTask; host: { id: string; name: string } }
  | { kind: "host"; selector: HostSelector };

export interface NewTask {
  /** Without `credentials`: those come as `sealed`. What images there are; their bytes come beside it. */
  body: Omit<TaskBody, "credentials" | "to" | "on" | "dependsOn" | "images"> & {
    dependsOn: z.infer<typeof Dependency>[];
    images?: TaskImage[] | undefined;
  };
  /** Its id was made for this very request: nobody has it, and it needs no looking for. */
  isNew?: boolean | undefined;
  /** Ciphertext by name, for the Worker's key [TK5]. */
  sealed: Record<string, string>;
  targets: NewTarget[];
  by: Actor;
  /** Of the submitter: a host beyond it is not chosen for a target that names none. */
  reach?: Reach | undefined;
}

export interface TaskQuery {
  limit: number;
  /** The id after which the page starts. */
  before?: string | undefined;
  status?: string[] | undefined;
  agent?: string | undefined;
  host?: string | undefined;
  parent?: string | undefined;
  q?: string | undefined;
  /** Only what this credential may see. */
  reach: Reach;
}

export interface QueueQuery {
  limit: number;
  before?: string | undefined;
  agent?: string | undefined;
  task?: string | undefined;
  show?: "waiting" | "processing" | "completed" | undefined;
  reach: Reach;
}

/** What the Scheduler is told of a host when its link is up. `link` names that link: what an older one says is ignored. */
export interface HostForTasks {
  id: string;
  name: string;
  link: string;
  maxConcurrent: number;
  draining: boolean;
  capabilities: string[];
  /** Slugs of the types whose CLI was found there. */
  types: string[];
  /** Absent: the Scheduler reads them by itself. */
  labels?: Record<string, string> | undefined;
}

export interface AttemptOwner {
  attempt: string;
  task: string;
  fence: number;
  agent?: string | undefined;
  host: { id: string; name: string };
}

export interface SchedulerCalls {
  // routes; `ref` is an id or a unique prefix of one. What is out of reach is not found.
  /** A NewTask as JSON, answered by the Task as JSON: both are large, and only passed on. `record` is kept with it, and is in the audit log soon. `images`: in the order of the body's. */
  submit(task: string, record: AuditEntry, images?: readonly Uint8Array[]): Promise<Result<string>>;
  task(ref: string, reach: Reach): Promise<Result<TaskDetail>>;
  tasks(query: TaskQuery): Promise<{ items: Task[]; next?: string | undefined }>;
  /** `graceMs` of what runs, between two signals; default STOP_GRACE_MS. */
  cancel(ref: string, reach: Reach, by: Actor, reason: string, graceMs?: number): Promise<Result<Task>>;
  retry(ref: string, reach: Reach, by: Actor): Promise<Result<Task>>;
  cleanup(ref: string, reach: Reach, by: Actor, keepLogs: boolean): Promise<Result<CleanupResult>>;
  /** Not `queue`: the platform keeps that name for a handler of its own. */
  queueView(query: QueueQuery): Promise<Queue>;
  /** The attempt whose log is meant: of this agent, else of the first target; the newest one. */
  attemptFor(ref: string, reach: Reach, agent: string | undefined): Promise<Result<AttemptOwner>>;
  attempt(id: string, reach: Reach): Promise<Result<AttemptOwner>>;
  /** For an agent's token: the attempt runs, and this is its fence. `stale_fence` otherwise. */
  holdsFence(attempt: string, fence: number): Promise<Result<AttemptOwner & { depth: number; agentName?: string | undefined }>>;
  /** For agent health: what of an agent runs, and how its last task ended. */
  agentWork(
    agent: string,
  ): Promise<{ running: string[]; last?: { task: string; status: string; reason?: string | undefined } | undefined }>;

  /** What a host was given and has not ended, as far as is known: how many, and some of them. Nothing: it is given nothing for a moment. */
  holdHost(host: string): Promise<{ count: number; first: { task: string; attempt: string }[] }>;

  /** [TK6] A stretch of an image from this offset on; undefined unless the attempt runs on this host under this fence, and it is there. */
  imageOf(host: string, attempt: string, fence: number, index: number, from: number): Promise<Uint8Array | undefined>;

  // relays
  /** [TK5] As with its start, by name, ciphertext; undefined unless the attempt runs on this host under this fence. */
  secretsOf(host: string, attempt: string, fence: number): Promise<{ task: string; sealed: Record<string, string> } | undefined>;
  hostUp(host: HostForTasks): Promise<void>;
  /** All attempts of the host, in pages, after each `hostUp`. */
  hostAttempts(
    host: string,
    link: string,
    items: AttemptReport[],
    first: boolean,
    more: boolean,
  ): Promise<{ acked: { attempt: string; fence: number; unknown?: boolean | undefined }[] }>;
  /** An answer for each. `ack`: stored, or of no use any more; the host need not tell it again. */
  attemptStatuses(host: string, reports: AttemptReport[]): Promise<{ ack: boolean; unknown?: boolean | undefined }[]>;
  /**
   * The link of this name went; `seenMs` is its last sign of life. `heard`: somebody listened all the time since, so that
   * it was the host that was silent.
   */
  hostDown(host: string, link: string, seenMs: number, heard?: boolean): Promise<void>;
  /** Renamed, relabelled, drained, types changed. */
  hostChanged(
    host: string,
    change: Partial<Omit<HostForTasks, "id" | "link">> & { labels?: Record<string, string> | undefined },
  ): Promise<void>;
  hostRemoved(host: string): Promise<void>;

  // state: `by` writes; a task's keys are there for those only who reach the task. A page may be short of what is out of reach
  stateList(
    prefix: string,
    limit: number,
    after: string | undefined,
    reach: Reach,
  ): Promise<{ items: StateEntry[]; next?: string | undefined }>;
  stateGet(key: string, reach: Reach): Promise<Result<StateEntry>>;
  /** `ttlS` undefined: it stays. */
  statePut(
    key: string,
    value: string,
    ttlS: number | undefined,
    ifVersion: number | undefined,
    by: Actor,
    reach: Reach,
  ): Promise<Result<StateEntry>>;
  stateDelete(key: string, ifVersion: number | undefined, by: Actor, reach: Reach): Promise<Result<void>>;
  stateFlush(by: Actor): Promise<number>;
  // secrets: ciphertext only
  secrets(): Promise<Secret[]>;
  secretPut(name: string, ciphertext: string, by: Actor): Promise<Result<Secret>>;
  secretDelete(name: string, by: Actor): Promise<Result<void>>;
}

/** Of a host, or why there is none. `neverSent`: it did not hear the question. */
export type OrderReply = { ok: true; json: string } | { ok: false; error: MaestroError; neverSent?: true };

/** [TK1] The spec as JSON: inline or as a blob, as its size needs. Answered by an OfferResult as JSON. */
export interface OfferAsked {
  attempt: string;
  fence: number;
  spec: string;
}

/** [TK5] `sealed` is ciphertext by name, opened and sealed for the host in its relay, never stored there. Answered by an AttemptResult as JSON. */
export interface StartAsked {
  attempt: string;
  fence: number;
  sealed: Record<string, string>;
  task: string;
}

/**
 * What the Scheduler asks of a host's relay, beside `request` for cancels and cleanups. Orders that are due together go
 * together, and so do their replies, in the order of what was asked; null: the host has not answered yet, ask `repliesTo`.
 */
export interface RelayForTasks {
  offers(asked: OfferAsked[]): Promise<(OrderReply | null)[]>;
  starts(asked: StartAsked[]): Promise<(OrderReply | null)[]>;
  /** @param attempts of orders of this kind whose replies were null. */
  repliesTo(kind: "offer" | "start", attempts: string[]): Promise<(OrderReply | null)[]>;
  followLog(attempt: string, follow: boolean): Promise<void>;
}

export interface LogPage {
  offset: number;
  bytes: Uint8Array;
}

export interface LogState {
  /** Of the host's file, as far as it is known. */
  bytes: number;
  /** All bytes before it are stored, or omitted and counted. */
  durable: number;
  complete: boolean;
  sha256?: string | undefined;
  /** [LG2] Between the kept beginning and the kept end. */
  omitted?: { from: number; to: number } | undefined;
}

/** One per attempt, named `<fleet>/<attempt>`. */
export interface AttemptLogCalls {
  /** Overlap is dropped; a gap is answered `need`. `durable` follows the commit. */
  append(offset: number, bytes: Uint8Array): Promise<{ durable: number; need?: number | undefined }>;
  /** The child has ended; its log is so long and has this digest. Followers end once all of it is there. */
  end(log: { bytes: number; sha256: string } | undefined, exit: { status: string; exitCode: number | null }): Promise<LogState>;
  state(): Promise<LogState>;
  read(offset: number, maxBytes: number): Promise<LogPage>;
  /** Where the last so many lines begin. */
  tailOffset(lines: number): Promise<number>;
  erase(): Promise<void>;
}
