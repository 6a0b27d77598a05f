/** The fleet's events: a hibernating socket of the Feed, or server-sent events rendered here on top of one. */
import { CONTEXT_HEADER, type FeedContext } from "../domain/access/socket-context.ts";
import { reachOf } from "../domain/access/permissions.ts";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { DEFAULT_PAGE_ITEMS } from "@maestro/shared/limits";
import { requireSubprotocol } from "../http/auth-ticket.ts";
import { defineRoutes, type RouteContext } from "../http/define-route.ts";
import { forwarded, recordOpening } from "../http/sockets.ts";
import { sseEvent, SSE_HEADERS, SSE_RESET, ssePreface, streamSocket } from "../http/sse.ts";

export const eventRoutes = defineRoutes({
  async events(rx) {
    const since = rx.query.since ?? rx.c.req.header("last-event-id");
    if (rx.c.req.header("upgrade") !== undefined) {
      requireSubprotocol(rx.c.req.raw);
      return follow(rx, rx.c.req.raw, since);
    }
    if (rx.query.follow === "false") return storedOnly(rx, since);
    const upgrade = new Request(rx.c.req.url, { headers: { upgrade: "websocket", "sec-websocket-protocol": SUBPROTOCOL } });
    const answer = await follow(rx, upgrade, since);
    return answer.webSocket === null ? answer : streamSocket(answer.webSocket, rx.config.timeScale, rx.query.limit);
  },
});

async function follow(rx: RouteContext<"events">, request: Request, since: string | undefined): Promise<Response> {
  const { principal, requestId } = rx;
  await recordOpening(rx.db, rx.fleet, principal, { kind: "feed", object: rx.fleet }, rx.nowMs);
  const context: FeedContext = {
    kind: "feed",
    fleet: rx.fleet,
    credential: principal.id,
    requestId,
    expiresMs: principal.expiresMs,
    ...(principal.ticket === undefined ? {} : { ticket: { nonce: principal.ticket.nonce, expiresMs: principal.ticket.expiresMs } }),
    ...(since === undefined ? {} : { since }),
    ...reachOf(principal),
  };
  return rx.feed.fetch(forwarded(request, CONTEXT_HEADER, context));
}

async function storedOnly(rx: RouteContext<"events">, since: string | undefined): Promise<Response> {
  const { reset, head, items } = await rx.feed.events(since, rx.query.limit ?? DEFAULT_PAGE_ITEMS, reachOf(rx.principal));
  return new Response(ssePreface(head) + (reset ? SSE_RESET : "") + items.map(sseEvent).join(""), { headers: SSE_HEADERS });
}
