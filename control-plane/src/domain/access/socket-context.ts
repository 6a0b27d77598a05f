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
