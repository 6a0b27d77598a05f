/** Faults that are planted into what the board stores, asks or is told, one at a time; the fuzz has to notice each. */
import type { BoardTimes } from "../board-port.ts";

export type Fault =
  /** What a host says of an attempt is taken for what it says of the one that is current. */
  | "noFence"
  /** A start that comes twice is done twice. */
  | "noDedupe"
  /** An attempt is given up as soon as its host is silent, and run again beside itself. */
  | "noLease"
  /** While the control plane is away hosts are taken for silent. */
  | "deaf"
  /** That an attempt was started is not written down. */
  | "forgetStart"
  /** The host is told that its result is stored, and it is not. */
  | "ackEarly";

export const timesUnder = (fault: Fault | undefined, times: BoardTimes): BoardTimes =>
  fault === "noLease" ? { ...times, lostMs: times.leaseMs } : times;
