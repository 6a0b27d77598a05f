/**
 * One per host: its link, the viewers of its sessions, its presence and the requests made to it. A thin shell:
 * sockets, rows and the alarm are here, decisions are in domain/relay. Hibernates: what is in fields is rebuilt
 * from attachments and rows, and both ends are asked to restate their offsets [VW4]. Terminal bytes are never stored.
 */
import { DurableObject } from "cloudflare:workers";
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { Presence } from "@maestro/shared/contract/resources";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { isId, makeId } from "@maestro/shared/ids";
import { MAX_VIEWERS_PER_SESSION, VIEWER_GRACE_MS } from "@maestro/shared/limits";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import type { Metrics } from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { openDb } from "../db/client.ts";
import { setHostLock } from "../db/hosts.ts";
import { CONTEXT_HEADER } from "../domain/access/socket-context.ts";
import type { HostUpdate } from "../domain/events/present.ts";
import { earliestOf, type Deadlines } from "../domain/relay/next-alarm.ts";
import { problemResponse } from "../problem.ts";
import { SocketGate } from "./feed-gate.ts";
import { AlarmClock } from "./host-relay/alarm-clock.ts";
import { readAttachment, type Attachment, type LinkAttachment, type ViewerAttachment } from "./host-relay/attachments.ts";
import { RelayContext, type LinkContext, type ViewerContext } from "./host-relay/context.ts";
import { HostRequests, type RelayReply, type ScreenReply } from "./host-relay/host-requests.ts";
import { Inventory } from "./host-relay/inventory.ts";
import { admitLink } from "./host-relay/link-gate.ts";
import { linkNews, type Listeners } from "./host-relay/link-news.ts";
import { LinkSocket, type RequestWithoutId } from "./host-relay/link-socket.ts";
import { PresenceWatch } from "./host-relay/presence-watch.ts";
import { Reporter } from "./host-relay/reporter.ts";
import { Rooms, sessionGone, tooManyViewers } from "./host-relay/rooms.ts";
import { migrateRelay } from "./host-relay/schema.ts";
import { ScreenReads } from "./host-relay/screen-reads.ts";
import { SessionBook } from "./host-relay/session-book.ts";
import { close } from "./host-relay/socket.ts";
import { Store, type StateOf } from "./host-relay/store.ts";
import { onViewerBinary, onViewerText, viewerHelloDueMs, type ViewerFramesPort } from "./host-relay/viewer-frames.ts";
import { Viewer } from "./host-relay/viewer.ts";

export interface RelayStatus {
  connected: boolean;
  lastSeenMs?: number;
  presence: Presence;
  facts?: StateOf<"facts">;
  metrics?: Metrics;
  locked?: StateOf<"locked">;
  draining: boolean;
  sessions: SessionInfo[];
  types: AgentTypeReport[];
}

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
  readonly #viewers = new Map<WebSocket, Viewer>();
  readonly #frames: ViewerFramesPort;
  readonly #scale: number;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrateRelay(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    const { sql } = ctx.storage;
    const nowMs = () => this.now();
    const rearm = () => this.#alarm.arm(this.#deadlines());
    const scale = scaleOf(env);
    this.#scale = scale;
    this.#alarm = new AlarmClock(ctx.storage);
    this.#store = new Store(sql);
    this.#gate = new SocketGate(sql);
    this.#inventory = new Inventory(sql);
    this.#reporter = new Reporter(this.#store, sql, {
      feed: (fleet) => env.FEED.get(env.FEED.idFromName(fleet)),
      whole: () => this.#whole(),
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
      scale,
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
      whole: () => this.#whole(),
      settleAlarm: () => this.#alarm.settle(this.#deadlines()),
    };
    this.#wake();
  }

  // ---- upgrades -----------------------------------------------------------------------------

  override fetch(request: Request): Response {
    const context = RelayContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
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
    const { epoch, instance } = context.claim;
    const attachment: LinkAttachment = {
      v: 1,
      kind: "link",
      epoch,
      instance,
      acceptedMs: nowMs,
      phase: "greeting",
      version: 0,
      mark: nowMs,
      typesMark: nowMs,
      metrics: undefined,
    };
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
    if (this.#watching(context.session) >= MAX_VIEWERS_PER_SESSION) return problemResponse(tooManyViewers(), context.requestId);
    if (this.#inventory.session(context.session) === undefined) return problemResponse(sessionGone(context.session), context.requestId);
    const attachment: ViewerAttachment = {
      v: 1,
      kind: "viewer",
      id: makeId("viewer", nowMs, random(10)),
      resume: makeId("viewer", nowMs, random(20)).slice(4) + makeId("viewer", nowMs, random(20)).slice(14),
      session: context.session,
      credential: context.credential,
      name: context.name,
      canWrite: context.canWrite,
      readOnly: false,
      acceptedMs: nowMs,
      expiresMs: context.expiresMs,
      phase: "greeting",
      size: undefined,
      stream: undefined,
      channel: undefined,
    };
    const { client, server } = this.#accept(attachment, ["viewer", `ses:${context.session}`, `cred:${context.credential}`]);
    this.#viewers.set(server, new Viewer(server, attachment, nowMs));
    this.#alarm.arm(this.#deadlines());
    return switching(client);
  }

  #accept(attachment: LinkAttachment | ViewerAttachment, tags: string[]): { client: WebSocket; server: WebSocket } {
    const { 0: client, 1: server } = new WebSocketPair();
    server.serializeAttachment(attachment);
    this.ctx.acceptWebSocket(server, tags);
    return { client, server };
  }

  #watching(session: string): number {
    let count = 0;
    for (const { at } of this.#viewers.values()) if (at.session === session && at.phase !== "closing") count += 1;
    return count;
  }

  // ---- sockets ------------------------------------------------------------------------------

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (this.#link.isCurrent(socket)) {
      if (typeof message === "string") this.#link.onText(message);
      else this.#link.onBinary(message);
      return;
    }
    const viewer = this.#viewers.get(socket);
    // A socket that was superseded or refused may still say something before its close reaches it.
    if (viewer === undefined || viewer.at.phase === "closing") return;
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
    const viewer = this.#viewers.get(socket);
    if (viewer !== undefined) {
      this.#viewers.delete(socket);
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
    for (const viewer of [...this.#viewers.values()]) {
      const dueMs = viewerHelloDueMs(viewer, this.#scale);
      if (dueMs !== undefined && dueMs <= nowMs) this.#end(viewer, maestroError("hello_timeout", "No hello within 5 s."));
      else if (viewer.at.expiresMs !== undefined && viewer.at.expiresMs <= nowMs)
        this.#end(viewer, maestroError("token_expired", "The credential of this socket expired.", { hint: "Log in again." }));
    }
    this.#book.flush(this.#link.mark);
    this.#presence.report();
    await this.#presence.look();
    await this.#reporter.retry();
    this.#alarm.arm(this.#deadlines());
  }

  #deadlines(): Deadlines {
    const viewers = [...this.#viewers.values()].filter(({ at }) => at.phase !== "closing");
    return {
      link: this.#link.nextDeadlineMs(),
      hello: earliestOf(viewers.map((viewer) => viewerHelloDueMs(viewer, this.#scale))),
      expiry: earliestOf(viewers.map(({ at }) => at.expiresMs)),
      presence: this.#presence.dueMs(),
      sessions: this.#book.flushDueMs(),
      feed: this.#store.get("feedRetryMs"),
    };
  }

  // ---- called by the Worker -----------------------------------------------------------------

  status(): RelayStatus {
    this.#presence.report();
    void this.#presence.look();
    const { lastSeenMs, presence } = this.#presence;
    const facts = this.#store.get("facts");
    const locked = this.#store.get("locked");
    const { metrics } = this.#link;
    return {
      connected: this.#link.ready,
      presence,
      draining: this.#store.get("draining") ?? false,
      sessions: this.#inventory.sessions(),
      types: this.#inventory.types(),
      ...(lastSeenMs === undefined ? {} : { lastSeenMs }),
      ...(facts === undefined ? {} : { facts }),
      ...(metrics === undefined ? {} : { metrics }),
      ...(locked === undefined ? {} : { locked }),
    };
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
  closeCredential(credential: string): void {
    this.#gate.revoke(credential, this.now());
    for (const viewer of [...this.#viewers.values()])
      if (viewer.at.credential === credential)
        this.#end(viewer, maestroError("token_revoked", "The credential of this socket was revoked.", { hint: "Log in again." }));
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

  /** [LK9] */
  registryChanged(version: number): void {
    this.#store.set("registry", version);
    if (this.#link.ready) this.#link.send({ t: "registry", version });
  }

  /** The host was removed: everybody out, nothing stays but empty tables. */
  async retire(): Promise<void> {
    // First its name: nothing of what follows is told to the Feed.
    this.#store.set("identity", undefined);
    for (const viewer of [...this.#viewers.values()]) this.#end(viewer, maestroError("host_not_found", "The host was removed."));
    this.#link.drop(CLOSE.credential, "host_unknown");
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#alarm.fired();
    migrateRelay(this.ctx.storage);
    this.#store.reload();
    this.#inventory.reload();
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
    if (link !== undefined) this.#link.adopt(link.socket, link.attachment);
    for (const viewer of restored) {
      this.#viewers.set(viewer.socket, viewer);
      if (viewer.at.phase === "open") this.#rooms.restore(viewer);
    }
    if (this.#link.ready) this.#link.send({ t: "sync" });
    this.#rooms.settle();
  }

  #lock(reason: string, nowMs: number): void {
    this.#link.drop(CLOSE.forbidden, "host_locked");
    const { fleet = "", host = "", name = "" } = this.#store.get("identity") ?? {};
    this.#reporter.tell({ facts: { connected: false, locked: { reason, atMs: nowMs } } }, [
      { type: "host.locked", subject: host, summary: `Host '${name}' is locked: ${reason}`, data: { name } },
      { type: "alert", subject: host, summary: `Two machines use the identity of host '${name}'.`, data: { name, code: "host_locked" } },
    ]);
    if (isId("fleet", fleet) && isId("host", host))
      this.ctx.waitUntil(setHostLock(openDb(this.env.DB), fleet, host, { reason, atMs: nowMs }));
  }

  #whole(): HostUpdate {
    const { facts, locked } = { facts: this.#store.get("facts"), locked: this.#store.get("locked") };
    const { lastSeenMs } = this.#presence;
    return {
      facts: {
        connected: this.#link.ready,
        lastSeenMs,
        locked,
        metrics: this.#link.metrics,
        ...(facts === undefined
          ? {}
          : {
              agentVersion: facts.agentVersion,
              platform: facts.platform,
              capabilities: facts.capabilities,
              roots: facts.roots,
              policyDigest: facts.policyDigest,
            }),
      },
      sessions: { replace: true, upsert: this.#inventory.sessions(), removed: [] },
      types: this.#inventory.types(),
    };
  }
}

const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

const switching = (client: WebSocket): Response =>
  new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });

function scaleOf(env: Env): number {
  const scale = Number(env.TIME_SCALE);
  return Number.isFinite(scale) && scale > 0 && scale <= 1 ? scale : 1;
}
