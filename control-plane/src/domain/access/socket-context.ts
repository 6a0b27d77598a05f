/**
 * What the Worker tells an object about a socket it forwards, in the header `x-maestro-context`. The Worker
 * deletes any copy a client sent; objects have no other way in, so they trust it.
 */
import * as z from "zod";

export const CONTEXT_HEADER = "x-maestro-context";

export const FeedContext = z.object({
  kind: z.literal("feed"),
  fleet: z.string(),
  credential: z.string(),
  requestId: z.string(),
  /** The socket is closed then. */
  expiresMs: z.number(),
  ticket: z.object({ nonce: z.string(), expiresMs: z.number() }).optional(),
  since: z.string().optional(),
  /** Globs of names the credential is limited to. */
  hosts: z.string().optional(),
  agents: z.string().optional(),
});
export type FeedContext = z.infer<typeof FeedContext>;

/** Of the Scheduler: who waits for the end of a task, or for a log of it, or follows the shared state. */
export const SchedulerContext = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("task"), task: z.string() }),
  z.object({ kind: z.literal("taskLog"), task: z.string(), agent: z.string().optional() }),
  z.object({
    kind: z.literal("state"),
    requestId: z.string(),
    /** Only keys that begin with it. */
    prefix: z.string(),
    credential: z.string(),
    /** An agent follows for as long as its fence holds. */
    holder: z.object({ attempt: z.string(), fence: z.int() }).optional(),
    /** Globs of names the credential is limited to. */
    hosts: z.string().optional(),
    agents: z.string().optional(),
  }),
]);
export type SchedulerContext = z.infer<typeof SchedulerContext>;
export type StateContext = Extract<SchedulerContext, { kind: "state" }>;
