/** [VW2] Who writes, what taking the pen would do, or why it is not offered. Pure. */
import type { Me } from "@maestro/shared/contract/resources";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Face } from "./face.ts";

export type PenWords =
  | { type: "writing"; who: string }
  /** `consequence` stands beside the button: the pen moves at once. */
  | { type: "watching"; who: string; consequence: string }
  | { type: "read-only"; who: string; why: string };

const LONGEST_NAME = 32;

export function penWords({ pen, canWrite }: Pick<Face, "pen" | "canWrite">, me: Me | undefined): PenWords {
  const others = pen.viewers - 1;
  if (pen.you) return { type: "writing", who: others > 0 ? `${others} ${others === 1 ? "watches" : "watch"}` : "" };
  const writer = pen.writer === undefined ? undefined : writerName(pen.writer, me);
  const who = writer === undefined ? "Nobody writes" : writer.you && canWrite ? "You write in another window" : `${writer.name} writes`;
  if (!canWrite) {
    const why =
      me?.principal.role === "viewer"
        ? "Your role is viewer: you may watch, not type. Ask an owner."
        : "This sign-in may watch this session, not type into it.";
    return { type: "read-only", who, why };
  }
  const consequence =
    writer === undefined
      ? "The session then takes this window's size."
      : `${writer.you ? "The other window" : writer.name} then watches, at this window's size.`;
  return { type: "watching", who, consequence };
}

/** What somebody reads who wrote until now. */
export function takenWords(by: string, me: Me | undefined): string {
  const writer = writerName(by, me);
  return writer.you ? "Another window of yours has taken the pen." : `${writer.name} has taken the pen.`;
}

/** A member's browsers carry the member's name; a token's name stands behind it. */
const writerName = (name: string, me: Me | undefined): { name: string; you: boolean } => ({
  name: stripUnsafe(name, LONGEST_NAME),
  you: me?.principal.kind === "browser" && me.principal.name === name,
});
