/** How sessions are shown. */
import type { Item } from "../api/client.ts";
import type { Output } from "../render/output.ts";
import { renderFields, type Column } from "../render/table.ts";

export type Session = Item<"sessions">;

export const sessionColumns = (out: Output): Column<Session>[] => [
  { header: "name", value: ({ name }) => name },
  { header: "host", value: ({ host }) => host.name },
  { header: "status", value: sessionState },
  { header: "kind", value: ({ backend }) => backend },
  { header: "agent", value: ({ agent }) => agent?.name ?? "" },
  { header: "size", value: ({ cols, rows }) => `${cols}x${rows}`, detail: true },
  { header: "command", value: ({ command }) => command, max: 32 },
  { header: "cwd", value: ({ cwd }) => cwd, max: 32 },
  { header: "active", value: ({ lastActivityAt }) => out.time(lastActivityAt) },
  { header: "id", value: ({ id }) => id },
];

export function sessionState({ status, end }: Pick<Session, "status" | "end">): string {
  if (end === undefined) return status;
  if (end.signal !== undefined) return `${end.reason} (${end.signal})`;
  return end.code === undefined ? end.reason : `${end.reason} (${end.code})`;
}

export const sessionText = (out: Output, session: Session): string[] =>
  renderFields([
    ["name", session.name],
    ["id", session.id],
    ["host", session.host.name],
    ["status", sessionState(session)],
    ["agent", session.agent?.name],
    ["kind", session.backend],
    ["title", session.title],
    ["command", session.command],
    ["cwd", session.cwd],
    ["size", `${session.cols}x${session.rows}`],
    ["created", out.time(session.createdAt)],
    ["active", out.time(session.lastActivityAt)],
  ]);
