/** Tasks and logs on the link. [TK] [LG] */
import * as z from "zod";
import { Repository } from "../contract/repository.ts";
import { TaskImage, TaskReason, Usage, WorkspaceSpec } from "../contract/tasks.ts";

const Ref = z.string().min(1).max(63);
const Fence = z.int().min(1);
const Offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const RequestId = z.int().min(1);
const Env = z.record(z.string().max(128), z.string().max(4096));
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What one attempt is to do. Holds no secret: those come with `start`, sealed. Travels as JSON in a blob. */
export const AttemptSpec = z.object({
  task: Ref,
  attempt: Ref,
  fence: Fence,
  n: z.int().min(1),
  agent: z
    .object({
      id: Ref,
      name: z.string().max(128),
      type: z.string().max(64),
      definition: z.record(z.string(), z.unknown()).optional(),
      workspace: z.string().max(4096),
      program: z.string().max(4096).optional(),
      model: z.string().max(128).optional(),
      args: z.array(z.string().max(4096)).max(64),
      env: Env,
    })
    .optional(),
  prompt: z.string().optional(),
  command: z.array(z.string()).optional(),
  /** [TK6] Their bytes are fetched once it may start. */
  images: z.array(TaskImage).optional(),
  workspace: WorkspaceSpec,
  cwd: z.string().max(4096).optional(),
  /** Cloned before it begins; `cwd` is below it then. */
  repository: Repository.optional(),
  /** It is to run in this container of the host, which has to run. */
  container: z.string().max(128).optional(),
  env: Env,
  /** Names that the host takes from its own environment, as far as its policy allows. */
  hostEnv: z.array(z.string().max(128)).max(32),
  /** Names that `start` brings; for the redaction and for an early refusal by the host's policy. */
  secretNames: z.array(z.string().max(128)).max(64),
  /** It may use the ssh-agent of the host that carries it. */
  forwardAgent: z.boolean().optional(),
  model: z.string().max(128).optional(),
  mode: z.string().max(64).optional(),
  /** Less than its type may do. */
  permissions: z.literal("plan").optional(),
  timeoutMs: z.int().min(1),
  heartbeatTimeoutMs: z.int().min(1).optional(),
  /** Set for what may be run again elsewhere: the runner ends itself when its lease was not touched for so long. */
  stopAfterMs: z.int().min(1).optional(),
  trace: z.boolean(),
  resumeSession: z.string().max(128).optional(),
});
export type AttemptSpec = z.infer<typeof AttemptSpec>;

/** How an attempt ended, as the host's files say. */
export const AttemptEnd = z.object({
  outcome: z.enum(["completed", "failed", "cancelled", "timed_out", "lost"]),
  reason: TaskReason.optional(),
  /** Null when a signal ended it, or it never ran. */
  exitCode: z.int().nullable(),
  signal: z.string().max(16).optional(),
  startedMs: z.number().optional(),
  endedMs: z.number(),
  /** At most MAX_RESULT_BYTES; the log has it all. */
  result: z.string().optional(),
  resultTruncated: z.boolean().optional(),
  usage: Usage.optional(),
  /** The agent CLI's own session. */
  session: z.string().max(128).optional(),
  branch: z.string().max(255).optional(),
  /** Absent when the child never started. */
  log: z
    .object({
      bytes: Offset,
      sha256: Sha256,
      /** [LG4] Secrets by name whose values the host did not know any more when it sent the log: only what looks like one was blotted out. */
      unredacted: z.array(z.string().max(128)).max(128).optional(),
    })
    .optional(),
});
export type AttemptEnd = z.infer<typeof AttemptEnd>;

/** Where an attempt stands on its host. */
export const AttemptStatus = z.discriminatedUnion("state", [
  z.object({ state: z.literal("accepted") }),
  z.object({
    state: z.literal("running"),
    startedMs: z.number(),
    pid: z.int(),
    workspace: z.string().max(4096),
    logBytes: Offset,
    cpu: z.number().optional(),
    memoryBytes: z.number().optional(),
  }),
  z.object({ state: z.literal("cancelling"), sinceMs: z.number() }),
  z.object({ state: z.literal("ended"), end: AttemptEnd, workspace: z.string().max(4096).optional() }),
]);
export type AttemptStatus = z.infer<typeof AttemptStatus>;

export const AttemptReport = z.object({ attempt: Ref, fence: Fence, status: AttemptStatus });
export type AttemptReport = z.infer<typeof AttemptReport>;

// ---- relay → host ---------------------------------------------------------------------------

/**
 * [TK1] First phase: nothing is started. `spec` inline up to MAX_INLINE_SPEC_BYTES of JSON; a longer one comes before it as
 * blob frames on channel `blob`, and is `bytes` long with this digest.
 */
export const Offer = z.object({
  t: z.literal("task.offer"),
  id: RequestId,
  attempt: Ref,
  fence: Fence,
  spec: AttemptSpec.optional(),
  blob: z.object({ channel: z.int().min(1).max(0xffff_ffff), bytes: z.int().min(1), sha256: Sha256 }).optional(),
});
/** `known`: this attempt is here already, and this is how it stands. */
export const OfferResult = z.discriminatedUnion("answer", [
  z.object({ answer: z.literal("accepted") }),
  z.object({ answer: z.literal("refused"), reason: TaskReason }),
  z.object({ answer: z.literal("known"), status: AttemptStatus }),
]);
export type OfferResult = z.infer<typeof OfferResult>;
/**
 * [TK1] Second phase: now the child is spawned; again it is answered with the present status. `sealed` [TK5] is the
 * environment that must touch no disk, for the host's X25519 key: see `sealed.ts`. Kept in memory only.
 */
export const Start = z.object({ t: z.literal("task.start"), id: RequestId, attempt: Ref, fence: Fence, sealed: z.string().max(49_152) });
export const AttemptResult = z.object({ status: AttemptStatus });
/**
 * [TK5] The answer to `task.secrets`: sealed as with the start. What is not in it is not known here any more; without `sealed`
 * that is all of it, for the attempt is final, of another host or of another fence.
 */
export const Secrets = z.object({ t: z.literal("task.secrets"), attempt: Ref, fence: Fence, sealed: z.string().max(49_152).optional() });
/** [TK4] Asked again until the attempt is reported ended. */
export const Cancel = z.object({
  t: z.literal("task.cancel"),
  id: RequestId,
  attempt: Ref,
  fence: Fence,
  graceMs: z.int().min(0),
  why: z.enum(["cancelled", "timeout", "heartbeat_timeout", "superseded"]),
});
/** Of an ended attempt: its workspace, and its files unless `keepLogs`. */
export const Cleanup = z.object({
  t: z.literal("task.cleanup"),
  id: RequestId,
  attempt: Ref,
  task: Ref,
  workspace: z.string().max(4096).optional(),
  keepLogs: z.boolean(),
});
export const CleanupOutcome = z.object({ outcome: z.enum(["removed", "kept", "absent"]), detail: z.string().max(1024).optional() });
/** The end was stored: the host need not tell it again. `unknown`: the control plane knows no such attempt; it is ended and forgotten. */
export const AttemptAck = z.object({ t: z.literal("task.ack"), attempt: Ref, fence: Fence, unknown: z.boolean().optional() });
/** [LG1] These bytes are stored; or the next ones wanted start here. */
export const LogDurable = z.object({ t: z.literal("log.durable"), attempt: Ref, offset: Offset });
export const LogNeed = z.object({ t: z.literal("log.need"), attempt: Ref, from: Offset });
/** [LG1] Somebody follows: ship as it comes, instead of per 256 KiB. */
export const LogFollow = z.object({ t: z.literal("log.follow"), attempt: Ref, follow: z.boolean() });

// ---- host → relay ---------------------------------------------------------------------------

/** [TK3] What changed with an attempt. An end is told again after each `welcome` until it is acknowledged. */
export const TaskStatus = z.object({ t: z.literal("task.status"), report: AttemptReport });
/**
 * [TK5] A host that was started anew has forgotten what it is to blot out of the log of an attempt. Asked again on each link
 * and until it is answered; no byte of that log leaves the host before.
 */
export const AskSecrets = z.object({ t: z.literal("task.secrets"), attempt: Ref, fence: Fence });
/** [LK3] After each `welcome`: all attempts this host has and the control plane has not acknowledged the end of. */
export const Attempts = z.object({
  t: z.literal("attempts"),
  items: z.array(AttemptReport).max(100),
  first: z.boolean(),
  more: z.boolean(),
});
/** [LG1] The bytes of this attempt's log come as `log` frames on this channel of this link. */
export const LogOpen = z.object({ t: z.literal("log.open"), channel: z.int().min(1).max(0xffff_ffff), attempt: Ref, fence: Fence });
/**
 * [LG2] What lies from `from` up to `to` is not sent: `from` is LOG_HEAD_BYTES of a log that ended longer than LOG_WHOLE_BYTES,
 * and `to` is where its kept end begins; or the host's file lost those bytes. Stored bytes in between may be dropped; what
 * comes next begins at `to`, or where the edge stands when that is later. Said on each link after `log.open`, before the bytes behind it.
 */
export const LogSkip = z.object({ t: z.literal("log.skip"), attempt: Ref, from: Offset, to: Offset });
