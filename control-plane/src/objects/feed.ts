/**
 * One per fleet: numbers its events, tells them to followers, keeps the present status of its hosts and the
 * audit chain. Hibernates: everything is in SQLite or in a socket's attachment.
 */
import { DurableObject } from "cloudflare:workers";
import type { AuditRecord } from "@maestro/shared/contract/resources";
import { maestroError } from "@maestro/shared/errors";
import { makeId } from "@maestro/shared/ids";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { openDb } from "../db/client.ts";
import type { AuditEntry, DatedEntry } from "../domain/access/audit-entry.ts";
import { CONTEXT_HEADER, FeedContext } from "../domain/access/socket-context.ts";
import { toFleetEvent, type NewEvent } from "../domain/events/event.ts";
import type { HostUpdate, PresentHost } from "../domain/events/present.ts";
import type { Reach } from "../domain/events/reach.ts";
import { errorText } from "../log-text.ts";
import { problemResponse } from "../problem.ts";
import { AuditLog } from "./feed-audit.ts";
import { EventRing, type StoredEvent } from "./feed-events.ts";
import { Followers, MAX_FOLLOWERS } from "./feed-followers.ts";
import { SocketGate } from "./feed-gate.ts";
import { EventPlaces } from "./feed-places.ts";
import { PresentTable } from "./feed-present.ts";
import { migrateFeed } from "./feed-schema.ts";
import type { Heard } from "./scheduler/teller.ts";

export class Feed extends DurableObject<Env> {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;

  readonly #ring: EventRing;
  readonly #followers: Followers;
  readonly #places: EventPlaces;
  readonly #present: PresentTable;
  readonly #audit: AuditLog;
  readonly #gate: SocketGate;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrateFeed(ctx.storage);
    this.#ring = new EventRing(ctx.storage.sql);
    this.#present = new PresentTable(ctx.storage.sql);
    this.#followers = new Followers(ctx, this.#ring);
    this.#places = new EventPlaces(openDb(env.DB), this.#present);
    this.#audit = new AuditLog(ctx.storage);
    this.#gate = new SocketGate(ctx.storage.sql);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  // ---- events -------------------------------------------------------------------------------

  /**
   * The sequence of the last event.
   * @param from the host whose relay says so: what it says of another host's sessions is left out.
   */
  async append(events: NewEvent[], from?: string): Promise<number> {
    const places = await this.#places.of(events, from);
    const nowMs = this.now();
    const foreign = ({ type, subject }: NewEvent) =>
      from !== undefined && type.startsWith("session.") && this.#present.isOthers(from, subject);
    const stored = this.ctx.storage.transactionSync(() =>
      this.#ring.add(
        events.flatMap((event, i) => {
          if (foreign(event)) return [];
          const id = makeId("event", nowMs, crypto.getRandomValues(new Uint8Array(10)));
          return [
            {
              make: (seq) => toFleetEvent(event, seq, id, nowMs),
              // A session that is gone is whose it was.
              placeOf: () => (event.type === "session.removed" ? this.#ring.lastPlace(event.subject) : undefined) ?? places[i] ?? {},
            },
          ];
        }),
      ),
    );
    this.#followers.tell(stored, nowMs);
    return this.#ring.last;
  }

  /**
   * What happened after `since` (an event's id or sequence) within reach; `reset` when that is no longer complete.
   *
   * @param since undefined: what happened last.
   */
  events(since: string | undefined, limit: number, reach: Reach = {}): { reset: boolean; head: number; items: StoredEvent[] } {
    if (since === undefined) return { reset: false, head: this.#ring.last, items: this.#ring.latest(limit, reach) };
    const resume = this.#ring.resume(since);
    return { reset: resume.kind === "reset", head: this.#ring.last, items: this.#ring.after(resume.after, limit, reach) };
  }

  /** Whether anybody looks: presence changes are only noticed actively while someone does. */
  followers(): number {
    return this.#followers.living(this.now()).length;
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

  /** What is known of these hosts, without their sessions. */
  hostsNow(hosts: string[]): Omit<PresentHost, "sessions">[] {
    return hosts.flatMap((host) => this.#present.hosts(host));
  }

  /** The sessions a person may mean by `ref`, a name or the beginning of an id; the rest of their hosts is left out. */
  findSessions(ref: string, limit: number): PresentHost[] {
    return this.#present.find(ref, limit);
  }

  // ---- audit --------------------------------------------------------------------------------

  async audit(entry: AuditEntry): Promise<void> {
    await this.#audit.append([{ ...entry, atMs: this.now() }]);
  }

  /**
   * Of the Scheduler, which has much to say: records and events by one call and, as they go, one commit. One of the two may be
   * written without the other.
   * @param again some of the records may stand already.
   */
  async hear(records: DatedEntry[], events: NewEvent[], again: boolean): Promise<Heard> {
    const recorded = await written(() => this.#audit.append(records, again));
    const told = await written(async () => {
      if (events.length > 0) await this.append(events);
    });
    return { recorded, told };
  }

  auditList(after: number, limit: number): AuditRecord[] {
    return this.#audit.list(after, limit);
  }

  // ---- followers ----------------------------------------------------------------------------

  /** [VW5] Closes every socket of the credential, and refuses one that is on its way. */
  closeCredential(credential: string, why: "revoked" | "changed" = "revoked"): void {
    this.#gate.revoke(credential, this.now(), why);
    this.#followers.closeCredential(credential, why === "revoked" ? CLOSE.credential : CLOSE.restarting);
  }

  override async fetch(request: Request): Promise<Response> {
    const context = FeedContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
    const nowMs = this.now();
    const followers = this.followers();
    if (followers >= MAX_FOLLOWERS)
      return problemResponse(
        maestroError("too_many_viewers", `${followers} follow this fleet already.`, { hint: "Close a console, or try again later." }),
        context.requestId,
      );
    const admitted = this.#gate.admit(context.credential, context.ticket, nowMs);
    if (!admitted.ok) return problemResponse(admitted.error, context.requestId);

    const { 0: client, 1: server } = new WebSocketPair();
    await this.#wakeBy(context.expiresMs);
    this.#followers.add(server, context, nowMs);
    return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": SUBPROTOCOL } });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    this.#followers.heard(socket, message, this.now());
  }

  override webSocketClose(socket: WebSocket): void {
    this.#followers.close(socket, CLOSE.normal);
  }

  override webSocketError(socket: WebSocket): void {
    this.#followers.close(socket, CLOSE.normal);
  }

  /** Closes sockets whose credential ended by itself. */
  override async alarm(): Promise<void> {
    const next = this.#followers.nextExpiryMs(this.now());
    if (next !== undefined) await this.ctx.storage.setAlarm(next);
  }

  async #wakeBy(timeMs: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || timeMs < set) await this.ctx.storage.setAlarm(timeMs);
  }
}

async function written(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (cause) {
    console.error(JSON.stringify({ message: "the Feed cannot write", cause: errorText(cause) }));
    return false;
  }
}
