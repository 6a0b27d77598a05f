/**
 * One per fleet: numbers its events, tells them to followers, keeps the present status of its hosts and the
 * audit chain. Hibernates: everything is in SQLite or in a socket's attachment.
 */
import { DurableObject } from "cloudflare:workers";
import * as z from "zod";
import type { AuditRecord } from "@maestro/shared/contract/resources";
import { maestroError } from "@maestro/shared/errors";
import { makeId } from "@maestro/shared/ids";
import { EVENT_RING_ROWS, MAX_CONTROL_BYTES } from "@maestro/shared/limits";
import { CLOSE, CLOSE_TABLE, type CloseCode } from "@maestro/shared/protocol/close-codes";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { CONTEXT_HEADER, FeedContext } from "../domain/access/socket-context.ts";
import { toFleetEvent, type NewEvent } from "../domain/events/event.ts";
import type { HostUpdate, PresentHost } from "../domain/events/present.ts";
import { problemResponse } from "../problem.ts";
import { AuditLog, type AuditEntry } from "./feed-audit.ts";
import { EventRing, type StoredEvent } from "./feed-events.ts";
import { SocketGate } from "./feed-gate.ts";
import { PresentTable } from "./feed-present.ts";
import { migrateFeed } from "./feed-schema.ts";

/** Consoles, command lines and server-sent streams of one fleet together. */
export const MAX_FOLLOWERS = 500;

const Attachment = z.object({ credential: z.string(), expiresMs: z.number() });

export class Feed extends DurableObject<Env> {
  readonly #ring: EventRing;
  readonly #present: PresentTable;
  readonly #audit: AuditLog;
  readonly #gate: SocketGate;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrateFeed(ctx.storage);
    this.#ring = new EventRing(ctx.storage.sql);
    this.#present = new PresentTable(ctx.storage.sql);
    this.#audit = new AuditLog(ctx.storage);
    this.#gate = new SocketGate(ctx.storage.sql);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  // ---- events -------------------------------------------------------------------------------

  /**
   * The sequence of the last event.
   * @param from the host whose relay says so: what it says of another host's sessions is left out.
   */
  append(events: NewEvent[], from?: string): number {
    const nowMs = Date.now();
    const foreign = ({ type, subject }: NewEvent) =>
      from !== undefined && type.startsWith("session.") && this.#present.isOthers(from, subject);
    const believed = events.filter((event) => !foreign(event));
    const stored = this.ctx.storage.transactionSync(() =>
      believed.map((event) =>
        this.#ring.add((seq) => toFleetEvent(event, seq, makeId("event", nowMs, crypto.getRandomValues(new Uint8Array(10))), nowMs)),
      ),
    );
    const followers = this.ctx.getWebSockets();
    for (const event of stored) for (const socket of followers) this.#tell(socket, eventFrame(event), nowMs);
    return this.#ring.bounds().last;
  }

  /** What happened after `since` (an event's id or sequence); `reset` when that is no longer complete. */
  events(since: string | undefined, limit: number): { reset: boolean; head: number; items: StoredEvent[] } {
    const resume = this.#ring.resume(since);
    return { reset: resume.kind === "reset", head: this.#ring.bounds().last, items: this.#ring.after(resume.after, limit) };
  }

  /** Whether anybody looks: presence changes are only noticed actively while someone does. */
  followers(): number {
    return this.ctx.getWebSockets().length;
  }

  // ---- present status -----------------------------------------------------------------------

  /** The sessions that were left out: another host of the fleet has them. */
  project(host: string, update: HostUpdate): string[] {
    return this.ctx.storage.transactionSync(() => this.#present.project(host, update));
  }

  forget(host: string): void {
    this.#present.forget(host);
  }

  present(host?: string): PresentHost[] {
    return this.#present.read(host);
  }

  /** The sessions a person may mean by `ref`, a name or the beginning of an id; the rest of their hosts is left out. */
  findSessions(ref: string, limit: number): PresentHost[] {
    return this.#present.find(ref, limit);
  }

  // ---- audit --------------------------------------------------------------------------------

  audit(entry: AuditEntry): Promise<AuditRecord> {
    return this.#audit.append(entry, Date.now());
  }

  auditList(after: number, limit: number): AuditRecord[] {
    return this.#audit.list(after, limit);
  }

  // ---- followers ----------------------------------------------------------------------------

  /** [VW5] Closes every socket of the credential, and refuses one that is on its way. */
  closeCredential(credential: string, why: "revoked" | "changed" = "revoked"): void {
    this.#gate.revoke(credential, Date.now(), why);
    for (const socket of this.ctx.getWebSockets(credential)) close(socket, why === "revoked" ? CLOSE.credential : CLOSE.restarting);
  }

  override async fetch(request: Request): Promise<Response> {
    const context = FeedContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
    const nowMs = Date.now();
    const followers = this.ctx.getWebSockets().length;
    if (followers >= MAX_FOLLOWERS)
      return problemResponse(
        maestroError("too_many_viewers", `${followers} follow this fleet already.`, { hint: "Close a console, or try again later." }),
        context.requestId,
      );
    const admitted = this.#gate.admit(context.credential, context.ticket, nowMs);
    if (!admitted.ok) return problemResponse(admitted.error, context.requestId);

    const { 0: client, 1: server } = new WebSocketPair();
    server.serializeAttachment({ credential: context.credential, expiresMs: context.expiresMs } satisfies z.infer<typeof Attachment>);
    this.ctx.acceptWebSocket(server, [context.credential]);
    await this.#wakeBy(context.expiresMs);
    // One synchronous stretch: nothing can happen between what is replayed and what is then told live.
    this.#greet(server, context.since);
    return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });
  }

  /** Followers only listen; what a newer one says is ignored [VR2]. */
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message !== "string") close(socket, CLOSE.badFrame);
    else if (message.length > MAX_CONTROL_BYTES) close(socket, CLOSE.tooLarge);
  }

  override webSocketClose(socket: WebSocket): void {
    close(socket, CLOSE.normal);
  }

  override webSocketError(socket: WebSocket): void {
    close(socket, CLOSE.normal);
  }

  /** Closes sockets whose credential ended by itself. */
  override async alarm(): Promise<void> {
    const nowMs = Date.now();
    const waiting: number[] = [];
    for (const socket of this.ctx.getWebSockets()) {
      const expiresMs = expiryOf(socket);
      if (expiresMs <= nowMs) close(socket, CLOSE.credential);
      else waiting.push(expiresMs);
    }
    if (waiting.length > 0) await this.ctx.storage.setAlarm(Math.min(...waiting));
  }

  async #wakeBy(timeMs: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || timeMs < set) await this.ctx.storage.setAlarm(timeMs);
  }

  #greet(socket: WebSocket, since: string | undefined): void {
    const resume = this.#ring.resume(since);
    socket.send(JSON.stringify({ t: "hello", seq: this.#ring.bounds().last }));
    if (resume.kind === "reset") socket.send(JSON.stringify({ t: "reset" }));
    for (const event of this.#ring.after(resume.after, EVENT_RING_ROWS)) socket.send(eventFrame(event));
  }

  #tell(socket: WebSocket, frame: string, nowMs: number): void {
    if (expiryOf(socket) <= nowMs) return close(socket, CLOSE.credential);
    try {
      socket.send(frame);
    } catch {
      // It closed a moment ago; its close event follows.
    }
  }
}

const eventFrame = (event: StoredEvent): string => `{"t":"event","event":${event.json}}`;

/** A socket whose attachment cannot be read is treated as expired. */
function expiryOf(socket: WebSocket): number {
  const read = Attachment.safeParse(socket.deserializeAttachment());
  return read.success ? read.data.expiresMs : 0;
}

function close(socket: WebSocket, code: CloseCode): void {
  try {
    socket.close(code, CLOSE_TABLE[code].reason);
  } catch {
    // Closed already.
  }
}
