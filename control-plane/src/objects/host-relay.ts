/**
 * One per host: its link, the viewers of its sessions, its presence and the requests made to it. A thin shell:
 * sockets, rows and the alarm are here, decisions are in domain/relay. Hibernates: what is in fields is rebuilt
 * from attachments and rows, and both ends are asked to restate their offsets [VW4]. Terminal bytes are never stored.
 */
import { DurableObject } from "cloudflare:workers";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { isId } from "@maestro/shared/ids";
import { MAX_VIEWERS_PER_SESSION, VIEWER_GRACE_MS } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { openDb } from "../db/client.ts";
import { setHostLock } from "../db/hosts.ts";
import { CONTEXT_HEADER } from "../domain/access/socket-context.ts";
import type { Deadlines } from "../domain/relay/next-alarm.ts";
import { problemResponse } from "../problem.ts";
import { SocketGate } from "./feed-gate.ts";
import { AlarmClock } from "./host-relay/alarm-clock.ts";
import {
  newLink,
  newViewer,
  readAttachment,
  type Attachment,
  type LinkAttachment,
  type ViewerAttachment,
} from "./host-relay/attachments.ts";
import { RelayContext, type LinkContext, type ViewerContext } from "./host-relay/context.ts";
import { HostRequests, type RelayReply, type ScreenReply } from "./host-relay/host-requests.ts";
import { relayStatus, wholeUpdate, type RelayStatus } from "./host-relay/host-status.ts";
import { Inventory } from "./host-relay/inventory.ts";
import { admitLink, lockEvents } from "./host-relay/link-gate.ts";
import { linkNews, type Listeners } from "./host-relay/link-news.ts";
import { LinkSocket, type RequestWithoutId } from "./host-relay/link-socket.ts";
import { PresenceWatch } from "./host-relay/presence-watch.ts";
import { Reporter } from "./host-relay/reporter.ts";
import { Rooms, sessionGone, tooManyViewers } from "./host-relay/rooms.ts";
import { migrateRelay } from "./host-relay/schema.ts";
import { ScreenReads } from "./host-relay/screen-reads.ts";
import { SessionBook } from "./host-relay/session-book.ts";
import { close } from "./host-relay/socket.ts";
import { Store } from "./host-relay/store.ts";
import { onViewerBinary, onViewerText, type ViewerFramesPort } from "./host-relay/viewer-frames.ts";
import { Viewer } from "./host-relay/viewer.ts";
import { Viewers } from "./host-relay/viewers.ts";

export class HostRelay extends DurableObject<Env> {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;

  readonly #store: Store;
  readonly #gate: SocketGate;
  readonly #inventory: Inventory;
  readonly #book: SessionBook;
  readonly #reporter: Reporter;
  readonly #presence: PresenceWatch;
  readonly #link: LinkSocket;
  readonly #rooms: Rooms;
  readonly #requests: HostRequests;
  readonly #alarm: AlarmClock;
  readonly #viewers: Viewers;
  readonly #frames: ViewerFramesPort;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrateRelay(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    const { sql } = ctx.storage;
    const nowMs = () => this.now();
    const rearm = () => this.#alarm.arm(this.#deadlines());
    const scale = scaleOf(env);
    this.#viewers = new Viewers(scale);
    this.#alarm = new AlarmClock(ctx.storage);
    this.#store = new Store(sql);
    this.#gate = new SocketGate(sql);
    this.#inventory = new Inventory(sql);
    this.#reporter = new Reporter(this.#store, sql, {
      feed: (fleet) => env.FEED.get(env.FEED.idFromName(fleet)),
      whole: () => wholeUpdate(this.#known()),
      nowMs,
      rearm,
    });
    const tell: Reporter["tell"] = (update, events) => this.#reporter.tell(update, events);
    const news = linkNews(() => listeners);
    this.#link = new LinkSocket(news, {
      nowMs,
      scale,
      pingedMs: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime(),
      rearm,
    });
    this.#presence = new PresenceWatch(this.#store, {
      nowMs,
      scale,
      linkSeenMs: () => this.#link.seenMs(),
      followers: () => this.#reporter.followers(),
      tell,
      rearm,
    });
    this.#rooms = new Rooms({
      nowMs,
      graceMs: VIEWER_GRACE_MS * scale,
      linked: () => this.#link.ready,
      toHost: (frame) => void this.#link.send(frame),
      watch: (session, from, settle) =>
        this.#link.request("watch", (id) => ({ t: "watch", id, session, ...(from === undefined ? {} : { from }) }), settle),
      foreignSession: () => this.#link.drop(CLOSE.forbidden, "session_foreign"),
      session: (id) => this.#inventory.session(id),
      loadPen: (session) => this.#store.pen(session),
      savePen: (session, pen) => this.#store.setPen(session, pen),
    });
    const screens = new ScreenReads(this.#rooms.memory);
    this.#book = new SessionBook(this.#inventory, {
      nowMs,
      scale,
      rearm,
      tell,
      updated: (session) => this.#rooms.sessionUpdated(session),
      removed: (id) => this.#rooms.sessionRemoved(id),
    });
    this.#frames = {
      nowMs,
      rooms: this.#rooms,
      session: (id) => this.#inventory.session(id),
      linked: () => this.#link.ready,
      sendData: (frame) => this.#link.sendData(frame),
      host: () => ({ id: this.#store.get("identity")?.host ?? "", name: this.#store.get("identity")?.name ?? "" }),
    };
    this.#requests = new HostRequests(this.#link, screens, {
      hostName: () => this.#store.get("identity")?.name ?? "",
      lastSeenMs: () => this.#presence.lastSeenMs,
      session: (id) => this.#inventory.session(id),
      nowMs,
      changed: (session) => this.#book.apply([session], [], this.#link.mark),
      settled: () => this.#reporter.settled(),
    });
    const listeners: Listeners = {
      store: this.#store,
      inventory: this.#inventory,
      book: this.#book,
      reporter: this.#reporter,
      presence: this.#presence,
      rooms: this.#rooms,
      screens,
      nowMs,
      mark: () => this.#link.mark,
      whole: () => wholeUpdate(this.#known()),
      settleAlarm: () => this.#alarm.settle(this.#deadlines()),
    };
    this.#wake();
  }

  // ---- upgrades -----------------------------------------------------------------------------

  override fetch(request: Request): Response {
    const context = RelayContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
    if (this.#store.get("retired") === true) return problemResponse(hostGone(context), context.requestId);
    this.#store.set("identity", { fleet: context.fleet, host: context.host, name: context.hostName });
    return context.kind === "link" ? this.#acceptLink(context) : this.#acceptViewer(context);
  }

  #acceptLink(context: LinkContext): Response {
    const nowMs = this.now();
    const gate = admitLink(context, this.#store, nowMs);
    if (gate.type === "lock") this.#lock(gate.reason, nowMs);
    if (gate.type !== "accept") return problemResponse(gate.error, context.requestId);
    this.#link.drop(CLOSE.superseded, "superseded");
    this.#store.set("draining", context.draining);
    this.#store.set("registry", context.registryVersion);
    const attachment = newLink(context, nowMs);
    const { client, server } = this.#accept(attachment, ["link"]);
    this.#link.adopt(server, attachment);
    this.#alarm.arm(this.#deadlines());
    return switching(client);
  }

  /** In this order: a ticket is spent whatever follows, so that it is worth nothing to who sees it. */
  #acceptViewer(context: ViewerContext): Response {
    const nowMs = this.now();
    const admitted = this.#gate.admit(context.credential, context.ticket, nowMs);
    if (!admitted.ok) return problemResponse(admitted.error, context.requestId);
    if (this.#viewers.of(context.session) >= MAX_VIEWERS_PER_SESSION) return problemResponse(tooManyViewers(), context.requestId);
    if (this.#inventory.session(context.session) === undefined) return problemResponse(sessionGone(context.session), context.requestId);
    const attachment = newViewer(context, nowMs);
    const { client, server } = this.#accept(attachment, ["viewer", `ses:${context.session}`, `cred:${context.credential}`]);
    this.#viewers.add(new Viewer(server, attachment, nowMs));
    this.#alarm.arm(this.#deadlines());
    return switching(client);
  }

  #accept(attachment: LinkAttachment | ViewerAttachment, tags: string[]): { client: WebSocket; server: WebSocket } {
    const { 0: client, 1: server } = new WebSocketPair();
    server.serializeAttachment(attachment);
    this.ctx.acceptWebSocket(server, tags);
    return { client, server };
  }

  // ---- sockets ------------------------------------------------------------------------------

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (this.#link.isCurrent(socket)) {
      if (typeof message === "string") this.#link.onText(message);
      else this.#link.onBinary(message);
      return;
    }
    const viewer = this.#viewers.at(socket);
    // A socket that was superseded or refused may still say something before its close reaches it.
    if (viewer === undefined || viewer.closing) return;
    const greeting = viewer.at.phase === "greeting";
    if (typeof message === "string") onViewerText(viewer, message, this.#frames);
    else onViewerBinary(viewer, message, this.#frames);
    // Refused: a peer that never completes the close must not stay among those who are served.
    if (viewer.closing) this.#rooms.leave(viewer, false);
    if (greeting) this.#alarm.settle(this.#deadlines());
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#gone(socket, code === CLOSE.normal || code === CLOSE.goingAway);
    close(socket, CLOSE.normal, "done");
  }

  override webSocketError(socket: WebSocket): void {
    this.#gone(socket, false);
  }

  #end(viewer: Viewer, error: MaestroError): void {
    viewer.end(error);
    this.#rooms.leave(viewer, true);
  }

  #gone(socket: WebSocket, goodbye: boolean): void {
    const viewer = this.#viewers.at(socket);
    if (viewer !== undefined) {
      this.#viewers.forget(viewer);
      this.#rooms.leave(viewer, goodbye);
    } else if (this.#link.isCurrent(socket)) this.#link.closed(socket);
    else this.#goneAsleep(readAttachment(socket), goodbye, this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
  }

  /** Its closing is what woke the object, so it was not found among the sockets that are left. */
  #goneAsleep(attachment: Attachment | undefined, goodbye: boolean, pingedMs: number): void {
    if (attachment === undefined || attachment.phase === "closing") return;
    if (attachment.kind === "viewer") this.#rooms.leftAsleep(attachment.session, attachment.id, goodbye);
    else if (!this.#link.present) {
      this.#rooms.linkDown();
      this.#presence.down(Math.max(pingedMs, attachment.acceptedMs, this.#presence.lastSeenMs ?? 0));
    }
  }

  // ---- alarm --------------------------------------------------------------------------------

  /** At least once, at any time: everything is read anew, and the next one is set last. */
  override async alarm(): Promise<void> {
    this.#alarm.fired();
    const nowMs = this.now();
    this.#link.expire(nowMs);
    for (const { viewer, error } of this.#viewers.overdue(nowMs)) this.#end(viewer, error);
    this.#book.flush(this.#link.mark);
    this.#presence.report();
    await this.#presence.look();
    await this.#reporter.retry();
    this.#alarm.arm(this.#deadlines());
  }

  #deadlines(): Deadlines {
    return {
      link: this.#link.nextDeadlineMs(),
      ...this.#viewers.deadlines(),
      presence: this.#presence.dueMs(),
      sessions: this.#book.flushDueMs(),
      feed: this.#store.get("feedRetryMs"),
    };
  }

  // ---- called by the Worker -----------------------------------------------------------------

  status(): RelayStatus {
    this.#presence.report();
    void this.#presence.look();
    return relayStatus(this.#known());
  }

  /** Whether the link is open; if not, the Feed knows it too once this is answered. */
  async linked(): Promise<boolean> {
    this.#presence.report();
    await this.#reporter.settled();
    return this.#link.ready;
  }

  /** [VR5] */
  request(frame: RequestWithoutId): Promise<RelayReply> {
    return this.#requests.ask(frame);
  }

  /** The screen as text or ANSI. */
  screen(session: string, format: "text" | "ansi"): Promise<ScreenReply> {
    return this.#requests.screen(session, format);
  }

  /** [VW5] Every socket of this credential ends now, and one that is on its way is refused. */
  closeCredential(credential: string, why: "revoked" | "changed" = "revoked"): void {
    this.#gate.revoke(credential, this.now(), why);
    const error =
      why === "revoked"
        ? maestroError("token_revoked", "The credential of this socket was revoked.", { hint: "Log in again." })
        : maestroError("superseded", "The rights of this credential changed.", { hint: "Connect again." });
    for (const viewer of this.#viewers.openedBy(credential)) this.#end(viewer, error);
  }

  setDraining(draining: boolean): void {
    this.#store.set("draining", draining);
    if (this.#link.ready) this.#link.send({ t: "drain", draining });
  }

  /** [LK2] The next connection is believed, whatever its epoch. */
  unlock(): void {
    if (this.#store.get("locked") === undefined) return;
    this.#store.set("locked", undefined);
    this.#store.set("last", undefined);
    this.#reporter.tell({ facts: { locked: undefined } }, []);
  }

  rename(name: string): void {
    const identity = this.#store.get("identity");
    if (identity !== undefined) this.#store.set("identity", { ...identity, name });
  }

  /** [LK9] Calls of a burst overtake each other; and who has no link asks nobody: the next one brings the version. */
  registryChanged(version: number): void {
    if (!this.#link.present || version <= (this.#store.get("registry") ?? 0)) return;
    this.#store.set("registry", version);
    if (this.#link.ready) this.#link.send({ t: "registry", version });
    // The host that had them may be the one that was removed.
    if (this.#store.get("disputed") === true) this.#reporter.tell(wholeUpdate(this.#known()), []);
  }

  /** The host was removed: everybody out, nothing stays but empty tables and that it was. */
  async retire(): Promise<void> {
    // First its name: nothing of what follows is told to the Feed.
    this.#store.set("identity", undefined);
    for (const viewer of this.#viewers.served()) this.#end(viewer, maestroError("host_not_found", "The host was removed."));
    this.#link.drop(CLOSE.credential, "host_unknown");
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#alarm.fired();
    migrateRelay(this.ctx.storage);
    this.#store.reload();
    this.#inventory.reload();
    this.#store.set("retired", true);
  }

  // ---- inside -------------------------------------------------------------------------------

  /** Sockets that outlived the last life of this object. */
  #wake(): void {
    const restored: Viewer[] = [];
    let link: { socket: WebSocket; attachment: LinkAttachment } | undefined;
    for (const socket of this.ctx.getWebSockets()) {
      const attachment = readAttachment(socket);
      if (attachment === undefined) close(socket, CLOSE.goingAway, "going_away");
      else if (attachment.phase === "closing") continue;
      else if (attachment.kind === "viewer") restored.push(new Viewer(socket, attachment, this.now()));
      else if (link === undefined || attachment.acceptedMs > link.attachment.acceptedMs) link = { socket, attachment };
    }
    if (link === undefined) this.#presence.missed();
    else this.#link.adopt(link.socket, link.attachment);
    for (const viewer of restored) {
      this.#viewers.add(viewer);
      if (viewer.at.phase === "open") this.#rooms.restore(viewer);
    }
    if (this.#link.ready) this.#link.send({ t: "sync" });
    this.#rooms.settle();
  }

  #lock(reason: string, nowMs: number): void {
    this.#link.drop(CLOSE.forbidden, "host_locked");
    const identity = this.#store.get("identity");
    if (identity === undefined) return;
    const { fleet, host } = identity;
    this.#reporter.tell({ facts: { connected: false, locked: { reason, atMs: nowMs } } }, lockEvents(identity, reason));
    if (isId("fleet", fleet) && isId("host", host))
      this.ctx.waitUntil(setHostLock(openDb(this.env.DB), fleet, host, { reason, atMs: nowMs }));
  }

  #known() {
    return { store: this.#store, link: this.#link, presence: this.#presence, inventory: this.#inventory };
  }
}

/** It was authenticated a moment before the host was removed. */
const hostGone = ({ kind, hostName }: LinkContext | ViewerContext): MaestroError =>
  maestroError(kind === "link" ? "host_unknown" : "host_not_found", `Host '${hostName}' was removed.`);

const switching = (client: WebSocket): Response =>
  new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });

function scaleOf(env: Env): number {
  const scale = Number(env.TIME_SCALE);
  return Number.isFinite(scale) && scale > 0 && scale <= 1 ? scale : 1;
}
