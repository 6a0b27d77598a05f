/** [VW2] Who writes into a session: one viewer or nobody. It is kept for its viewer through a redial. */
import { VIEWER_GRACE_MS } from "@maestro/shared/limits";

export type Pen =
  | { type: "free" }
  | { type: "held"; viewer: string; resume: string }
  /** Its viewer vanished; until then nobody gets the pen without taking it. */
  | { type: "reserved"; viewer: string; resume: string; untilMs: number };

export const FREE: Pen = { type: "free" };

/** @param mayWrite has the right, and did not ask to read only. */
export function penAfterHello(pen: Pen, viewer: { id: string; resume: string; mayWrite: boolean }, nowMs: number): Pen {
  if (!viewer.mayWrite) return pen;
  const mine: Pen = { type: "held", viewer: viewer.id, resume: viewer.resume };
  switch (pen.type) {
    case "free":
      return mine;
    case "held":
      return pen.resume === viewer.resume ? mine : pen;
    case "reserved":
      return pen.resume === viewer.resume || nowMs >= pen.untilMs ? mine : pen;
  }
}

/** Whoever says goodbye gives the pen back; whoever vanishes finds it again for a while. */
export function penAfterLeave(pen: Pen, viewer: string, goodbye: boolean, nowMs: number, graceMs: number = VIEWER_GRACE_MS): Pen {
  if (pen.type === "free" || pen.viewer !== viewer) return pen;
  if (goodbye) return FREE;
  return pen.type === "reserved" ? pen : { type: "reserved", viewer, resume: pen.resume, untilMs: nowMs + graceMs };
}

export const penAfterTake = (viewer: { id: string; resume: string }): Pen => ({ type: "held", viewer: viewer.id, resume: viewer.resume });

/** The stored pen after sockets died with the process: its holder is not here, so its grace begins now. */
export function penAfterLoss(pen: Pen, present: (viewer: string) => boolean, nowMs: number, graceMs: number = VIEWER_GRACE_MS): Pen {
  return pen.type === "held" && !present(pen.viewer)
    ? { type: "reserved", viewer: pen.viewer, resume: pen.resume, untilMs: nowMs + graceMs }
    : pen;
}

export const writerOf = (pen: Pen): string | undefined => (pen.type === "held" ? pen.viewer : undefined);
