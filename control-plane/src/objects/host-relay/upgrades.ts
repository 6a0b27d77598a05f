/** Sockets that the Worker forwards, already authenticated: each becomes the link, or a viewer, or is refused. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_VIEWERS_PER_SESSION } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { problemResponse } from "../../problem.ts";
import { newLink, newViewer, type LinkAttachment, type ViewerAttachment } from "./attachments.ts";
import type { LinkContext, RelayContext, ViewerContext } from "./context.ts";
import { admitLink } from "./link-gate.ts";
import type { Parts } from "./parts.ts";
import { sessionGone, tooManyViewers } from "./rooms.ts";
import { Viewer } from "./viewer.ts";

/** The longest that an upgrade is on its way, from the reading of the host's row. */
export const UPGRADE_MS = 30_000;

export class Upgrades {
  readonly #ctx: DurableObjectState;
  readonly #parts: Parts;

  constructor(ctx: DurableObjectState, parts: Parts) {
    this.#ctx = ctx;
    this.#parts = parts;
  }

  accept(context: RelayContext, nowMs: number): Response {
    const { store } = this.#parts;
    if (store.get("retired") === true) return problemResponse(hostGone(context), context.requestId);
    store.set("identity", { fleet: context.fleet, host: context.host, name: context.hostName });
    return context.kind === "link" ? this.#link(context, nowMs) : this.#viewer(context, nowMs);
  }

  #link(context: LinkContext, nowMs: number): Response {
    const { store, link, lock, alarm, deadlines } = this.#parts;
    // It was authenticated a moment before it was given to another carrier, or taken from this one.
    if ((store.get("linkKey") ?? context.signingKey) !== context.signingKey) return problemResponse(keyGone(context), context.requestId);
    const gate = admitLink(context, store, nowMs);
    if (gate.type === "lock") lock.lock(gate.reason);
    if (gate.type !== "accept") return problemResponse(gate.error, context.requestId);
    link.drop(CLOSE.superseded, "superseded");
    // What was told while it was on its way stands.
    if (nowMs >= (store.get("drainingToldMs") ?? 0) + UPGRADE_MS) store.set("draining", context.draining);
    store.set("registry", context.registryVersion);
    store.set("origin", context.origin);
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
}

const keyGone = ({ hostName }: RelayContext): MaestroError =>
  maestroError("host_unknown", `Host '${hostName}' is not carried with this key any more.`, { hint: "Ask anew which hosts are carried." });

/** It was authenticated a moment before the host was removed. */
const hostGone = ({ kind, hostName }: RelayContext): MaestroError =>
  maestroError(kind === "link" ? "host_unknown" : "host_not_found", `Host '${hostName}' was removed.`);

const switching = (client: WebSocket): Response =>
  new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });
