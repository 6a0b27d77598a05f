/** [VW1] Where a socket goes and the single-use ticket it is opened with. */
import { ROUTES } from "@maestro/shared/contract/routes";
import { SUBPROTOCOL, TICKET_PREFIX } from "@maestro/shared/protocol/version";
import { ok, type Result } from "@maestro/shared/result";
import { call, type ApiError } from "./client.ts";

export interface SocketTarget {
  url: string;
  protocols: string[];
}

export const feedTarget = (since: string | undefined): Promise<Result<SocketTarget, ApiError>> =>
  target({ feed: true }, since === undefined ? ROUTES.events.path : `${ROUTES.events.path}?${new URLSearchParams({ since }).toString()}`);

export const sessionTarget = (session: string): Promise<Result<SocketTarget, ApiError>> =>
  target({ session }, ROUTES.sessionAttach.path.replace(":id", encodeURIComponent(session)));

async function target(body: { session?: string; feed?: true }, path: string): Promise<Result<SocketTarget, ApiError>> {
  const ticket = await call(ROUTES.ticket, { body });
  if (!ticket.ok) return ticket;
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return ok({ url: url.href, protocols: [SUBPROTOCOL, `${TICKET_PREFIX}${ticket.value.ticket}`] });
}
