/** Shared state over HTTP: versioned keys with a lifetime, and their changes as lines of JSON. */
import type { StateEntry } from "@maestro/shared/contract/state";
import { CONTEXT_HEADER, type StateContext } from "../domain/access/socket-context.ts";
import type { AgentPrincipal, UserPrincipal } from "../domain/access/principal.ts";
import { reachOf, withinLimits } from "../domain/access/permissions.ts";
import type { Reach } from "../domain/events/reach.ts";
import { checkTtl, checkValue, expectedVersion } from "../domain/state/entry.ts";
import { checkKey, checkPrefix, checkWritable } from "../domain/state/keys.ts";
import { defineRoutes, unwrap, type RouteContext } from "../http/define-route.ts";
import { recordOpening } from "../http/sockets.ts";
import { streamOf } from "../http/socket-stream.ts";
import { actorFor, schedulerOf } from "../objects/scheduler-call.ts";

const NDJSON_HEADERS = { "content-type": "application/x-ndjson; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no" };

export const stateRoutes = defineRoutes({
  async state(rx) {
    requireNoKey(rx);
    const prefix = unwrap(checkPrefix(rx.query.prefix ?? ""));
    if (rx.query.watch === "true") return watch(rx, prefix);
    const { limit, after } = await rx.page();
    const page = await schedulerOf(rx).stateList(prefix, limit, after, limitsOf(rx.principal));
    return rx.list<StateEntry, StateEntry>({ rows: page.items, next: page.next }, (entry) => entry);
  },

  async stateGet(rx) {
    return unwrap(await schedulerOf(rx).stateGet(unwrap(checkKey(rx.params.key)), limitsOf(rx.principal)));
  },

  async statePut(rx) {
    const { value, ttl, ifVersion } = rx.body;
    const key = unwrap(checkWritable(rx.params.key, writer(rx.principal)));
    unwrap(checkValue(value));
    const ttlS = unwrap(checkTtl(ttl));
    const version = unwrap(expectedVersion(ifVersion, rx.c.req.header("if-match")));
    await rx.audit(key);
    return unwrap(await schedulerOf(rx).statePut(key, value, ttlS, version, actorFor(rx.principal), limitsOf(rx.principal)));
  },

  async stateDelete(rx) {
    const key = unwrap(checkWritable(rx.params.key, writer(rx.principal)));
    const version = unwrap(expectedVersion(undefined, rx.c.req.header("if-match")));
    await rx.audit(key);
    unwrap(await schedulerOf(rx).stateDelete(key, version, actorFor(rx.principal), limitsOf(rx.principal)));
  },

  async stateFlush(rx) {
    requireNoKey(rx);
    unwrap(withinLimits(rx.principal));
    await rx.audit("all");
    return { deleted: await schedulerOf(rx).stateFlush(actorFor(rx.principal)) };
  },
});

const writer = (who: UserPrincipal | AgentPrincipal) => (who.kind === "agent" ? { task: who.task, name: who.agentName } : undefined);

/** Of a task that it does not see, a limited credential reads no result. State is what agents share: they read all of it. */
const limitsOf = (who: UserPrincipal | AgentPrincipal): Reach => (who.kind === "agent" ? {} : reachOf(who));

/** `/state/` with an empty key must not mean all of them, least of all to whoever deletes. */
function requireNoKey(rx: { c: { req: { url: string } } }): void {
  // Routing takes no notice of the last slash, so the URL itself is looked at.
  if (new URL(rx.c.req.url).pathname.endsWith("/")) unwrap(checkKey(""));
}

async function watch(rx: RouteContext<"state">, prefix: string): Promise<Response> {
  const { principal, requestId } = rx;
  if (principal.kind !== "agent") await recordOpening(rx.db, rx.fleet, principal, { kind: "scheduler", object: rx.fleet }, rx.nowMs);
  const context: StateContext = {
    kind: "state",
    requestId,
    prefix,
    credential: principal.id,
    ...limitsOf(principal),
    ...(principal.kind === "agent" ? { holder: { attempt: principal.id, fence: principal.fence } } : {}),
  };
  const answer = await schedulerOf(rx).fetch("https://scheduler/", {
    headers: { upgrade: "websocket", [CONTEXT_HEADER]: JSON.stringify(context) },
  });
  if (answer.webSocket === null) return answer;
  return streamOf(answer.webSocket, {
    headers: NDJSON_HEADERS,
    timeScale: rx.config.timeScale,
    // An empty line, which readers of NDJSON pass over.
    keepAlive: "\n",
    render: (message) => ({ text: `${message}\n` }),
  });
}
