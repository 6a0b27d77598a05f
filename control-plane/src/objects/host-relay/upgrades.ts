/** Sockets that the Worker forwards, already authenticated: each becomes the link, or a viewer, or is refused. */
import { isId } from "@maestro/shared/ids";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_VIEWERS_PER_SESSION } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { openDb } from "../../db/client.ts";
import { setHostLock } from "../../db/hosts.ts";
import { problemResponse } from "../../problem.ts";
import { newLink, newViewer, type LinkAttachment, type ViewerAttachment } from "./attachments.ts";
import type { LinkContext, RelayContext, ViewerContext } from "./context.ts";
import { admitLink, lockEvents } from "./link-gate.ts";
import type { Parts } from "./parts.ts";
import { sessionGone, tooManyViewers } from "./rooms.ts";
import { Viewer } from "./viewer.ts";

export class Upgrades {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #parts: Parts;

  constructor(ctx: DurableObjectState, env: Env, parts: Parts) {
    this.#ctx = ctx;
    this.#env = env;
    this.#parts = parts;
  }

  accept(context: RelayContext, nowMs: number): Response {
    const { store } = this.#parts;
    if (store.get("retired") === true) return problemResponse(hostGone(context), context.requestId);
    store.set("identity", { fleet: context.fleet, host: context.host, name: context.hostName });
    return context.kind === "link" ? this.#link(context, nowMs) : this.#viewer(context, nowMs);
  }

  #link(context: LinkContext, nowMs: number): Response {
    const { store, link, alarm, deadlines } = this.#parts;
    const gate = admitLink(context, store, nowMs);
    if (gate.type === "lock") this.#lock(gate.reason, nowMs);
    if (gate.type !== "accept") return problemResponse(gate.error, context.requestId);
    link.drop(CLOSE.superseded, "superseded");
    store.set("draining", context.draining);
    store.set("registry", context.registryVersion);
    const attachment = newLink(context, nowMs);
    const { client, server } = this.#open(attachment, ["link"]);
    link.adopt(server, attachment);
    alarm.arm(deadlines());
    return switching(client);
  }

  /** In this order: a ticket is spent whatever follows, so that it is worth nothing to who sees it. */
  #viewer(context: ViewerContext, nowMs: number): Response {
    const { gate, viewers, rooms, inventory, alarm, deadlines } = this.#parts;
    const admitted = gate.admit(context.credential, context.ticket, nowMs);
    if (!admitted.ok) return problemResponse(admitted.error, context.requestId);
    // Whoever comes finds the places and the pens of those who are gone.
    for (const viewer of viewers.silent(nowMs)) rooms.endSilent(viewer);
    if (viewers.of(context.session) >= MAX_VIEWERS_PER_SESSION) return problemResponse(tooManyViewers(), context.requestId);
    if (inventory.session(context.session) === undefined) return problemResponse(sessionGone(context.session), context.requestId);
    const attachment = newViewer(context, nowMs);
    const { client, server } = this.#open(attachment, ["viewer", `ses:${context.session}`, `cred:${context.credential}`]);
    viewers.add(new Viewer(server, attachment, nowMs));
    alarm.arm(deadlines());
    return switching(client);
  }

  #open(attachment: LinkAttachment | ViewerAttachment, tags: string[]): { client: WebSocket; server: WebSocket } {
    const { 0: client, 1: server } = new WebSocketPair();
    server.serializeAttachment(attachment);
    this.#ctx.acceptWebSocket(server, tags);
    return { client, server };
  }

  #lock(reason: string, nowMs: number): void {
    const { link, store, reporter } = this.#parts;
    link.drop(CLOSE.forbidden, "host_locked");
    const identity = store.get("identity");
    if (identity === undefined) return;
    const { fleet, host } = identity;
    reporter.tell({ facts: { connected: false, locked: { reason, atMs: nowMs } } }, lockEvents(identity, reason));
    if (isId("fleet", fleet) && isId("host", host))
      this.#ctx.waitUntil(setHostLock(openDb(this.#env.DB), fleet, host, { reason, atMs: nowMs }));
  }
}

/** It was authenticated a moment before the host was removed. */
const hostGone = ({ kind, hostName }: RelayContext): MaestroError =>
  maestroError(kind === "link" ? "host_unknown" : "host_not_found", `Host '${hostName}' was removed.`);

const switching = (client: WebSocket): Response =>
  new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });
