/** What the Worker tells a HostRelay about a socket it forwards, beside `FeedContext` in the same header. */
import * as z from "zod";

const Ticket = z.object({ nonce: z.string(), expiresMs: z.number() });

export const LinkContext = z.object({
  kind: z.literal("link"),
  fleet: z.string(),
  host: z.string(),
  hostName: z.string(),
  requestId: z.string(),
  claim: z.object({
    id: z.string(),
    epoch: z.object({ start: z.number(), connect: z.number() }),
    instance: z.string(),
    bootId: z.string(),
    timeMs: z.number(),
    nonce: z.string(),
  }),
  /** Which it was proved with, or may have been while a rotation is young. Absent from a Worker of before. */
  signingKey: z.string().optional(),
  draining: z.boolean(),
  registryVersion: z.number(),
  /** Under which the host dials. Absent from a Worker of before. */
  origin: z.string().optional(),
});
export type LinkContext = z.infer<typeof LinkContext>;

export const ViewerContext = z.object({
  kind: z.literal("viewer"),
  fleet: z.string(),
  host: z.string(),
  hostName: z.string(),
  requestId: z.string(),
  session: z.string(),
  /** `tok_…` or `bsn_…`: revoking it closes the socket. */
  credential: z.string(),
  /** Shown to other viewers. */
  name: z.string(),
  canWrite: z.boolean(),
  ticket: Ticket.optional(),
  /** The socket is closed then. */
  expiresMs: z.number().optional(),
});
export type ViewerContext = z.infer<typeof ViewerContext>;

export const RelayContext = z.discriminatedUnion("kind", [LinkContext, ViewerContext]);
export type RelayContext = z.infer<typeof RelayContext>;
