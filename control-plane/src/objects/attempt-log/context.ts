/** What the Worker tells an AttemptLog about a follower's socket that it forwards; and what the two say on it. */
import * as z from "zod";

export const LogContext = z.object({
  kind: z.literal("log"),
  fleet: z.string(),
  /** Whose log it is: there the log is asked to come as it is written. */
  host: z.string(),
  attempt: z.string(),
  credential: z.string(),
  requestId: z.string(),
  offset: z.int().min(0),
});
export type LogContext = z.infer<typeof LogContext>;

/**
 * Object → Worker, beside binary messages: the offset (u64, big-endian), then the bytes there. What was sent before may come
 * again after a wake: the offset tells.
 */
export const LogWord = z.discriminatedUnion("t", [
  /** [LG2] These bytes are kept no more; the next ones are those at `to`. */
  z.object({ t: z.literal("skip"), from: z.int(), to: z.int() }),
  /** [LG3] All was sent. */
  z.object({ t: z.literal("end"), bytes: z.int(), complete: z.boolean(), status: z.string(), exitCode: z.int().nullable() }),
]);
export type LogWord = z.infer<typeof LogWord>;

/** Worker → object: all before it was taken by the reader. */
export const LogAck = z.object({ t: z.literal("ack"), offset: z.int().min(0) });
export type LogAck = z.infer<typeof LogAck>;

export const LOG_OFFSET_BYTES = 8;
const WORD = 0x1_0000_0000;

export function logMessage(offset: number, bytes: Uint8Array): ArrayBuffer {
  const message = new ArrayBuffer(LOG_OFFSET_BYTES + bytes.byteLength);
  const view = new DataView(message);
  view.setUint32(0, Math.floor(offset / WORD));
  view.setUint32(4, offset % WORD);
  new Uint8Array(message, LOG_OFFSET_BYTES).set(bytes);
  return message;
}

export function readLogMessage(message: ArrayBuffer): { offset: number; bytes: Uint8Array } {
  const view = new DataView(message);
  return { offset: view.getUint32(0) * WORD + view.getUint32(4), bytes: new Uint8Array(message, LOG_OFFSET_BYTES) };
}
