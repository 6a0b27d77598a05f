/**
 * One per host: its link, the viewers of its sessions, its presence and the requests made to it. A thin shell:
 * sockets, rows and the alarm are here, decisions are in domain/relay. Hibernates: what is in fields is rebuilt
 * from attachments and rows, and both ends are asked to restate their offsets [VW4]. Terminal bytes are never stored.
 */
import { DurableObject } from "cloudflare:workers";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { CONTEXT_HEADER } from "../domain/access/socket-context.ts";
import type { OfferAsked, RelayForTasks, StartAsked } from "../domain/tasks/calls.ts";
import { readAttachment, type Attachment } from "./host-relay/attachments.ts";
import { RelayContext } from "./host-relay/context.ts";
import type { FilesAsked, FilesReply, RelayReply, ScreenReply } from "./host-relay/host-requests.ts";
import { liveStatus, relayStatus, wholeUpdate, type LiveStatus, type RelayStatus } from "./host-relay/host-status.ts";
import { KeyGate, type KeyContext, type KeyReply } from "./host-relay/key-gate.ts";
import type { RequestWithoutId } from "./host-relay/link-socket.ts";
import { assemble, type Parts } from "./host-relay/parts.ts";
import { migrateRelay } from "./host-relay/schema.ts";
import { close } from "./host-relay/socket.ts";
import { Upgrades } from "./host-relay/upgrades.ts";
import { onViewerBinary, onViewerText } from "./host-relay/viewer-frames.ts";
import type { Viewer } from "./host-relay/viewer.ts";
import { wake } from "./host-relay/wake.ts";

export class HostRelay extends DurableObject<Env> implements RelayForTasks {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;

  readonly #parts: Parts;
  readonly #upgrades: Upgrades;
  readonly #store: Parts["store"];
  readonly #inventory: Parts["inventory"];
  readonly #reporter: Parts["reporter"];
  readonly #presence: Parts["presence"];
  readonly #link: Parts["link"];
  readonly #linkFrames: Parts["linkFrames"];
  readonly #rooms: Parts["rooms"];
  readonly #alarm: Parts["alarm"];
  readonly #viewers: Parts["viewers"];
  readonly #frames: Parts["frames"];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrateRelay(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    const parts = assemble(ctx, env, () => this.now());
    this.#parts = parts;
    // Fields of their own: every frame goes through some of them.
    this.#store = parts.store;
    this.#inventory = parts.inventory;
    this.#reporter = parts.reporter;
    this.#presence = parts.presence;
    this.#link = parts.link;
    this.#linkFrames = parts.linkFrames;
    this.#rooms = parts.rooms;
    this.#alarm = parts.alarm;
    this.#viewers = parts.viewers;
    this.#frames = parts.frames;
    this.#upgrades = new Upgrades(ctx, parts);
    wake(ctx.getWebSockets(), parts, this.now());
  }

  /** An upgrade. */
  override fetch(request: Request): Response {
    const context = RelayContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
    return this.#upgrades.accept(context, this.now());
  }

  // ---- sockets ------------------------------------------------------------------------------

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (this.#link.isCurrent(socket)) {
      if (typeof message === "string") this.#linkFrames.onText(message);
      else this.#linkFrames.onBinary(message);
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
    if (greeting) this.#alarm.settle(this.#parts.deadlines());
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
    } else if (this.#link.isCurrent(socket)) {
      this.#link.closed(socket);
      if (goodbye) this.#letGo();
    } else this.#goneAsleep(readAttachment(socket), goodbye, this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
  }

  /** Its closing is what woke the object, so it was not found among the sockets that are left. */
  #goneAsleep(attachment: Attachment | undefined, goodbye: boolean, pingedMs: number): void {
    if (attachment === undefined || attachment.phase === "closing") return;
    if (attachment.kind === "viewer") this.#rooms.leftAsleep(attachment.session, attachment.id, goodbye);
    else if (!this.#link.present) {
      this.#rooms.linkDown();
      if (attachment.phase !== "ready") return;
      const seenMs = Math.max(pingedMs, attachment.acceptedMs, this.#presence.lastSeenMs ?? 0);
      this.#presence.down(seenMs);
      this.#parts.tasks.down(seenMs, false);
      if (goodbye) this.#letGo();
    }
  }

  /** A carrier says goodbye when it cannot reach the host any more, or is to reach it otherwise; a machine, when it begins anew. */
  #letGo(): void {
    if (this.#store.get("linkKey") !== undefined) this.#presence.letGo();
  }

  // ---- alarm --------------------------------------------------------------------------------

  /** At least once, at any time: everything is read anew, and the next one is set last. */
  override alarm(): Promise<void> {
    return this.#alarm.handle(
      () => this.#whatIsDue(),
      () => this.#parts.deadlines(),
    );
  }

  async #whatIsDue(): Promise<void> {
    const nowMs = this.now();
    this.#link.expire(nowMs);
    this.#parts.endSilentLink();
    for (const { viewer, error } of this.#viewers.overdue(nowMs)) this.#end(viewer, error);
    for (const viewer of this.#viewers.silent(nowMs)) this.#rooms.endSilent(viewer);
    this.#rooms.endStalled();
    this.#parts.book.flush();
    this.#presence.report();
    await this.#presence.look();
    await this.#parts.lock.retry();
    await this.#reporter.retry();
    await this.#parts.retryTasks();
  }

  // ---- called by the Worker -----------------------------------------------------------------

  /** Everything that is known of the host, its sessions and types included. */
  status(): RelayStatus {
    this.#look();
    return relayStatus(this.#parts);
  }

  /** What is not in the projection, for lists of many hosts. */
  live(): LiveStatus {
    this.#look();
    return liveStatus(this.#parts);
  }

  #look(): void {
    this.#presence.report();
    void this.#presence.look();
  }

  /** Whether the link is open; if not, the Feed knows it too once this is answered. */
  async linked(): Promise<boolean> {
    this.#presence.report();
    await this.#reporter.settled();
    return this.#link.ready;
  }

  /** [VR5] */
  request(frame: RequestWithoutId): Promise<RelayReply> {
    return this.#parts.requests.ask(frame);
  }

  /** The screen as text or ANSI. */
  screen(session: string, format: "text" | "ansi"): Promise<ScreenReply> {
    return this.#parts.requests.screen(session, format);
  }

  /** [SSH25] */
  files(asked: FilesAsked): Promise<FilesReply> {
    return this.#parts.requests.files(asked);
  }

  /** [VW5] Every socket of this credential ends now, and one that is on its way is refused. */
  closeCredential(credential: string, why: "revoked" | "changed" = "revoked"): void {
    this.#parts.gate.revoke(credential, this.now(), why);
    const error =
      why === "revoked"
        ? maestroError("token_revoked", "The credential of this socket was revoked.", { hint: "Log in again." })
        : maestroError("superseded", "The rights of this credential changed.", { hint: "Connect again." });
    for (const viewer of this.#viewers.openedBy(credential)) this.#end(viewer, error);
  }

  /** [LK2] Whether the process of this claim may give the host a new key. */
  admitKey(context: KeyContext): KeyReply {
    return new KeyGate(this.#parts).admit(context, this.now());
  }

  setDraining(draining: boolean): void {
    this.#store.set("draining", draining);
    this.#store.set("drainingToldMs", this.now());
    this.#parts.tasks.changed();
    if (this.#link.ready) this.#link.send({ t: "drain", draining });
  }

  /** [LK2] The next connection is believed, whatever its epoch. */
  unlock(): void {
    this.#parts.lock.unlock();
  }

  rename(name: string): void {
    const identity = this.#store.get("identity");
    if (identity !== undefined) this.#store.set("identity", { ...identity, name });
    this.#parts.tasks.changed();
  }

  /** Of a host that another one carries: with other keys it is another link, and the one that is open ends. */
  setLinkKey(identity: { fleet: string; host: string; name: string }, key: string): void {
    if (this.#store.get("retired") === true) return;
    this.#store.set("identity", identity);
    this.#store.set("sealingKey", undefined);
    if (this.#store.get("linkKey") === key) return;
    this.#store.set("linkKey", key);
    this.#store.set("last", undefined);
    this.#link.drop(CLOSE.credential, "host_unknown");
    this.#presence.letGo();
  }

  /** [LK9] Calls of a burst overtake each other; and who has no link asks nobody: the next one brings the version. */
  registryChanged(version: number): void {
    if (!this.#link.present || version <= (this.#store.get("registry") ?? 0)) return;
    this.#store.set("registry", version);
    if (this.#link.ready) this.#link.send({ t: "registry", version });
    // The host that had them may be the one that was removed.
    if (this.#store.get("disputed") === true) this.#reporter.tell(wholeUpdate(this.#parts), []);
  }

  /** The host was removed: everybody out, nothing stays but empty tables and that it was. */
  async retire(): Promise<void> {
    const identity = this.#store.get("identity");
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
    this.#parts.attempts.reload();
    this.#store.set("retired", true);
    if (identity !== undefined) await this.env.SCHEDULER.getByName(identity.fleet).hostRemoved(identity.host);
  }

  // ---- called by the Scheduler, beside `request` --------------------------------------------

  /** [TK1] */
  offers(asked: OfferAsked[]): Promise<(RelayReply | null)[]> {
    return this.#parts.taskRequests.offers(asked);
  }

  /** [TK1] [TK5] */
  starts(asked: StartAsked[]): Promise<(RelayReply | null)[]> {
    return this.#parts.taskRequests.starts(asked);
  }

  repliesTo(kind: "offer" | "start", attempts: string[]): Promise<(RelayReply | null)[]> {
    return this.#parts.taskRequests.repliesTo(kind, attempts);
  }

  // ---- called by AttemptLogs ----------------------------------------------------------------

  /** [LG1] Whether anybody follows. */
  followLog(attempt: string, follow: boolean): Promise<void> {
    this.#parts.logs.follow(attempt, follow);
    return Promise.resolve();
  }

  /** Stored some time after it came. */
  logDurable(attempt: string, offset: number): void {
    this.#parts.logs.durable(attempt, offset);
  }

  /** Lost before it was stored. */
  logNeed(attempt: string, from: number): void {
    this.#parts.logs.need(attempt, from);
  }
}
