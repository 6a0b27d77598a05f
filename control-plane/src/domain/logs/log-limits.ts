/** What one log may take at the edge, and in which pieces it is kept; tests make all of it small. */
import { LOG_HEAD_BYTES, LOG_TAIL_BYTES, LOG_WHOLE_BYTES } from "@maestro/shared/limits";

export interface LogLimits {
  /** [LG2] Up to here all of it is kept. */
  wholeBytes: number;
  headBytes: number;
  tailBytes: number;
  /** The largest piece that is one row. */
  chunkBytes: number;
  /** A last piece below this is written again with what follows it: many small ones make few rows. */
  smallBytes: number;
  /** What is followed comes in small pieces: they are stored together, once there is this much, or after so long. */
  commitBytes: number;
  commitMs: number;
}

const KiB = 1024;

export const LOG_LIMITS: LogLimits = {
  wholeBytes: LOG_WHOLE_BYTES,
  headBytes: LOG_HEAD_BYTES,
  tailBytes: LOG_TAIL_BYTES,
  chunkBytes: 256 * KiB,
  smallBytes: 16 * KiB,
  commitBytes: 64 * KiB,
  commitMs: 2_000,
};
