/** A groom: an agent's CLI asked once, read-only, for what it knows, as text for another agent [SSH24]. It is a task with a name of its own. */
import * as z from "zod";
import { GROOM_TIMEOUT_MS, MAX_PROMPT_CHARS, MIN_TASK_TIMEOUT_MS } from "../limits.ts";
import { TaskReason, Waiting } from "./tasks.ts";

const Time = z.iso.datetime();

/** `groomer-<uuid>`, the task's own id. */
export const GROOM_PREFIX = "groomer-";

/** What is asked where nobody says what. */
export const GROOM_PROMPT = `Another agent takes over the work in this directory. Write down, as plain text, what it has to know and cannot
see at a glance: what is being worked at and why, what was decided and what for, what has been done, what is left, what was tried
and did not work, and where things are. Look at whatever you need, and change nothing. Leave out what is said twice, greetings and
whatever the files say plainly themselves. Answer with that text alone.`;

export const GroomBody = z.strictObject({
  /** Default: a hand-over of what the agent knows. */
  prompt: z.string().min(1).max(MAX_PROMPT_CHARS).optional(),
  /** The agent CLI's own session, whose talk is meant. */
  resumeSession: z.string().max(128).optional(),
  model: z.string().max(128).optional(),
  /** From start to end; at most, and by default, 5 minutes. */
  timeoutMs: z.int().min(MIN_TASK_TIMEOUT_MS).max(GROOM_TIMEOUT_MS).optional(),
});
export type GroomBody = z.infer<typeof GroomBody>;

export const Groom = z.object({
  id: z.string(),
  agent: z.object({ id: z.string(), name: z.string() }),
  /** `done` too where its time was over and it had answered something: then the text is `partial`. */
  status: z.enum(["waiting", "running", "done", "failed", "cancelled"]),
  waiting: Waiting.optional(),
  reason: TaskReason.optional(),
  /** Of the CLI's output: its lines and bytes that have come so far. */
  progress: z.object({ chunkCount: z.int().min(0), bytesReceived: z.int().min(0), elapsedMs: z.int().min(0) }),
  text: z.string().optional(),
  partial: z.literal(true).optional(),
  /** The agent CLI's own session. */
  session: z.string().optional(),
  createdAt: Time,
  startedAt: Time.optional(),
  finishedAt: Time.optional(),
});
export type Groom = z.infer<typeof Groom>;
