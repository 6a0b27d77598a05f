/**
 * One per attempt: the bytes of its log by offset, and who follows them. [LG] Hibernates: rows and attachments are all
 * there is. What is followed and comes in small pieces is told to followers at once and stored together a moment later;
 * until then it is not called durable, and the host has it.
 */
import { DurableObject } from "cloudflare:workers";
import { maestroError } from "@maestro/shared/errors";
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { CONTEXT_HEADER } from "../domain/access/socket-context.ts";
import { omittedOf, taken } from "../domain/logs/log-layout.ts";
import { LOG_LIMITS, type LogLimits } from "../domain/logs/log-limits.ts";
import { TailLines } from "../domain/logs/tail-lines.ts";
import type { AttemptLogCalls, LogPage, LogState } from "../domain/tasks/calls.ts";
import { errorText } from "../log-text.ts";
import { problemResponse } from "../problem.ts";
import { ChunkStore, type LogRecord } from "./attempt-log/chunk-store.ts";
import { LogContext } from "./attempt-log/context.ts";
import { LogFollowers, MAX_LOG_FOLLOWERS } from "./attempt-log/followers.ts";
import { digestOf } from "./attempt-log/verify.ts";
import { relayOf } from "./relay-call.ts";

/** An upgrade that was authenticated before the revocation arrives well within this. */
const REVOKED_FOR_MS = 10 * 60_000;
const MAX_READ_BYTES = 1024 * 1024;

export interface Appended {
  durable: number;
  need?: number | undefined;
  /** [LG2] All of it is here. */
  complete: boolean;
}

/** What the relay and the routes want to know beside the state. */
export interface LogView extends LogState {
  /** Readers get what lies before it. */
  available: number;
  followed: boolean;
  exit?: { status: string; exitCode: number | null } | undefined;
  /** [LG2] Its digest was another one than the host's: it is to come once more, from its beginning. */
  again?: true | undefined;
  /** All of it came twice, and twice its digest was another one than the host's. */
  damaged?: true | undefined;
}

type End = Parameters<AttemptLogCalls["end"]>;

export class AttemptLog extends DurableObject<Env> {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;
  /** Tests make them small. */
  limits: LogLimits = LOG_LIMITS;

  readonly #store: ChunkStore;
  readonly #followers: LogFollowers;
  /** Not stored yet; begins at `#store.next`. */
  #pending = new Uint8Array(0);
  #storedMs = 0;
  /** Whether bytes came in this life: what came in one before it, and was not stored, is lost here. */
  #heard = false;
  #alarmSet = false;
  /** That its log comes as it is written: known in this life only. */
  #hostTold = false;
  #checking: Promise<void> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new ChunkStore(ctx.storage);
    this.#followers = new LogFollowers(ctx, {
      read: (offset, maxBytes) => this.#read(offset, maxBytes),
      end: () => {
        const { end } = this.#store.record;
        if (end === undefined || !this.#over) return undefined;
        return { t: "end", bytes: this.#available, complete: !this.#damaged, status: end.status, exitCode: end.exitCode };
      },
    });
  }

  // ---- from the relay -----------------------------------------------------------------------

  /** [LG1] Followers are told before it is stored: their bytes do not wait for a disk. */
  async append(offset: number, bytes: Uint8Array): Promise<Appended> {
    if (this.#over) return this.#appended();
    const what = taken(this.#available, this.#store.record.end?.log?.bytes, offset, bytes.byteLength);
    if (what.type === "need") return { ...this.#appended(), need: what.from };
    if (what.type === "drop") {
      // It may be what could not be stored before.
      if (this.#due()) this.#commit();
      return this.#appended();
    }
    this.#heard = true;
    this.#pending = joined(this.#pending, bytes.subarray(what.skip, what.end));
    this.#followers.pump();
    if (this.#due()) this.#commit();
    else await this.#commitLater();
    await this.#settle();
    // All of it is wanted again: its digest was another one.
    return this.#store.record.check === "again" && this.#store.next === 0 ? { ...this.#appended(), need: 0 } : this.#appended();
  }

  /** [LG2] The host leaves these bytes out: of a log that is too long, or of one that lost them. What is whole stays so. */
  skip(from: number, to: number): Appended {
    if (this.#over) return this.#appended();
    if (from > this.#available) return { ...this.#appended(), need: this.#available };
    this.#commit();
    const until = Math.min(to, this.#store.record.end?.log?.bytes ?? to);
    if (until > this.#store.next) this.#store.skip(from, until);
    this.#followers.pump();
    return this.#appended();
  }

  /** The first end that is told stands. */
  async end(...[log, exit]: End): Promise<LogView> {
    const { end } = this.#store.record;
    if (end === undefined) {
      this.#commit();
      // One row, whether it is checked now or later.
      const found = await this.#checkOf(log);
      // More of it came while it was looked at: then it is looked at again.
      const check = this.#store.next === log?.bytes ? found : undefined;
      this.#store.setRecord({ end: { ...(log === undefined ? {} : { log }), ...exit }, ...(check === undefined ? {} : { check }) });
      this.#afterCheck();
    } else if (log !== undefined && end.log !== undefined && (end.log.bytes !== log.bytes || end.log.sha256 !== log.sha256)) {
      console.warn(JSON.stringify({ message: "a second end of a log says something else", status: exit.status }));
    }
    return this.state();
  }

  // ---- from routes --------------------------------------------------------------------------

  async state(): Promise<LogView> {
    await this.#settle();
    const { end } = this.#store.record;
    const durable = this.#store.next;
    const sha256 = this.#over && !this.#damaged ? end?.log?.sha256 : undefined;
    const omitted = omittedOf(this.#store.pieces, durable);
    return {
      bytes: end?.log?.bytes ?? this.#available,
      durable,
      complete: this.#over,
      available: this.#available,
      followed: this.#followers.count > 0,
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(omitted === undefined ? {} : { omitted }),
      ...(end === undefined ? {} : { exit: { status: end.status, exitCode: end.exitCode } }),
      ...(this.#store.record.check === "again" ? { again: true } : {}),
      ...(this.#damaged ? { damaged: true } : {}),
    };
  }

  read(offset: number, maxBytes: number): Promise<LogPage> {
    return Promise.resolve(this.#read(offset, Math.min(maxBytes, MAX_READ_BYTES)));
  }

  tailOffset(lines: number): Promise<number> {
    return Promise.resolve(this.#tailOffset(lines));
  }

  /** Its task is forgotten. */
  async erase(): Promise<void> {
    this.#followers.closeAll(CLOSE.notFound);
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#pending = new Uint8Array(0);
    this.#store.reload();
  }

  // ---- followers ----------------------------------------------------------------------------

  /** An upgrade. */
  override async fetch(request: Request): Promise<Response> {
    const context = LogContext.parse(JSON.parse(request.headers.get(CONTEXT_HEADER) ?? "null"));
    if (this.#revoked().some(({ credential }) => credential === context.credential))
      return problemResponse(maestroError("token_revoked", "This credential was revoked.", { hint: "Log in again." }), context.requestId);
    const before = this.#followers.count;
    if (before >= MAX_LOG_FOLLOWERS)
      return problemResponse(
        maestroError("too_many_viewers", `${before} follow this log already.`, { hint: "Try again later, or read it without following." }),
        context.requestId,
      );
    await this.#settle();
    const { 0: client, 1: server } = new WebSocketPair();
    this.#followers.add(server, context);
    if (this.#followers.count > 0 && (before === 0 || !this.#hostTold)) await this.#tellHost(context, true);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    this.#followers.heard(socket, message);
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    await this.#gone(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#gone(socket);
  }

  /** [VW5] */
  async closeCredential(credential: string, why: "revoked" | "changed" = "revoked"): Promise<void> {
    if (why === "revoked") this.#store.setRecord({ revoked: [...this.#revoked(), { credential, untilMs: this.now() + REVOKED_FOR_MS }] });
    this.#followers.closeCredential(credential, why === "revoked" ? CLOSE.credential : CLOSE.restarting);
    if (why === "revoked") await this.#forgetLater();
  }

  #revoked(): NonNullable<LogRecord["revoked"]> {
    const nowMs = this.now();
    return this.#store.record.revoked?.filter(({ untilMs }) => untilMs > nowMs) ?? [];
  }

  /** Of a log that was erased, or never begins, nobody would ever delete it. */
  async #forgetLater(): Promise<void> {
    if (!this.#store.bare || this.#pending.byteLength > 0) return;
    const untilMs = Math.max(0, ...this.#revoked().map((revoked) => revoked.untilMs));
    if (untilMs > 0) return this.ctx.storage.setAlarm(untilMs);
    await this.ctx.storage.deleteAll();
    this.#store.reload();
  }

  async #gone(socket: WebSocket): Promise<void> {
    const place = this.#followers.placeOf(socket);
    this.#followers.close(socket, CLOSE.normal);
    if (place === undefined || this.#followers.count > 0 || this.#over) return;
    this.#commit();
    await this.#tellHost(place, false);
  }

  // ---- storing ------------------------------------------------------------------------------

  /** What was told to followers is stored now; or was lost with the life before this one, and is asked for again. */
  override async alarm(): Promise<void> {
    this.#alarmSet = false;
    const { place } = this.#followers;
    const lost = !this.#heard && this.#store.record.end === undefined;
    this.#commit();
    await this.#forgetLater();
    if (place === undefined) return;
    const relay = relayOf(this.env, place.fleet, place.host);
    if (lost) await relay.logNeed(place.attempt, this.#store.next);
    else await relay.logDurable(place.attempt, this.#store.next);
  }

  #due(): boolean {
    const { commitBytes, commitMs } = this.limits;
    const { end } = this.#store.record;
    return (
      end !== undefined ||
      this.#pending.byteLength >= commitBytes ||
      this.now() >= this.#storedMs + commitMs ||
      // Nobody could be told later.
      this.#followers.place === undefined
    );
  }

  #commit(): void {
    if (this.#pending.byteLength === 0) return;
    this.#store.append(this.#pending, this.limits);
    this.#pending = new Uint8Array(0);
    this.#storedMs = this.now();
  }

  async #commitLater(): Promise<void> {
    if (this.#alarmSet) return;
    this.#alarmSet = true;
    await this.ctx.storage.setAlarm(this.#storedMs + this.limits.commitMs, { allowUnconfirmed: true });
  }

  // ---- the end ------------------------------------------------------------------------------

  /** All that there will be is here. */
  get #over(): boolean {
    const { end, check } = this.#store.record;
    if (end === undefined) return false;
    if (end.log === undefined) return true;
    // It differs also when there is more of it than there should be.
    return check === "differs" || (check === "same" && this.#store.next === end.log.bytes);
  }

  get #damaged(): boolean {
    return this.#store.record.check === "differs";
  }

  /** Once all of it is here, its digest is compared. At most one at a time. */
  async #settle(): Promise<void> {
    const { end } = this.#store.record;
    if (end === undefined || this.#over) return;
    this.#checking ??= this.#check(end);
    try {
      await this.#checking;
    } finally {
      this.#checking = undefined;
    }
  }

  async #check({ log }: NonNullable<LogRecord["end"]>): Promise<void> {
    this.#commit();
    const check = await this.#checkOf(log);
    if (check === undefined) return;
    this.#store.setRecord({ check });
    this.#afterCheck();
  }

  #afterCheck(): void {
    if (this.#store.record.check === "again") this.#store.clear();
    this.#followers.pump();
  }

  /** Undefined: not all of it is here, or it was found out already. */
  async #checkOf(log: { bytes: number; sha256: string } | undefined): Promise<LogRecord["check"]> {
    if (log === undefined || this.#store.next < log.bytes) return undefined;
    const { check } = this.#store.record;
    if (this.#store.next === log.bytes) {
      this.#store.trim(this.limits);
      // Without what was left out there is nothing to compare.
      if (omittedOf(this.#store.pieces, this.#store.next) !== undefined) return "same";
      if ((await digestOf(this.#store, this.limits.chunkBytes)) === log.sha256) return "same";
    }
    const verdict = check === "again" ? "differs" : "again";
    console.error(JSON.stringify({ message: "a log is not what its host has", bytes: log.bytes, stored: this.#store.next, verdict }));
    return verdict;
  }

  // ---- reading ------------------------------------------------------------------------------

  get #available(): number {
    return this.#store.next + this.#pending.byteLength;
  }

  #read(offset: number, maxBytes: number): LogPage {
    const stored = this.#store.read(offset, maxBytes);
    if (stored.bytes.byteLength > 0 || this.#pending.byteLength === 0) return stored;
    const from = Math.max(offset, this.#store.next);
    const skip = from - this.#store.next;
    return { offset: from, bytes: this.#pending.subarray(skip, skip + maxBytes) };
  }

  #tailOffset(lines: number): number {
    if (lines === 0) return this.#available;
    const search = new TailLines(lines);
    const found = search.before(this.#pending);
    if (found !== undefined) return this.#store.next + found;
    for (const { at, bytes } of [...this.#store.pieces].reverse()) {
      const index = search.before(this.#store.read(at, bytes).bytes);
      if (index !== undefined) return at + index;
    }
    return 0;
  }

  #appended(): Appended {
    return { durable: this.#store.next, complete: this.#over };
  }

  /** [LG1] Whether its log comes as it is written. The host may be away: it is told when it opens the log anew. */
  async #tellHost({ fleet, host, attempt }: Pick<LogContext, "fleet" | "host" | "attempt">, follow: boolean): Promise<void> {
    try {
      await relayOf(this.env, fleet, host).followLog(attempt, follow);
      this.#hostTold = follow;
    } catch (error) {
      this.#hostTold = false;
      console.warn(JSON.stringify({ message: "a host could not be told who follows a log", attempt, follow, error: errorText(error) }));
    }
  }
}

function joined(before: Uint8Array, more: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(before.byteLength + more.byteLength);
  whole.set(before);
  whole.set(more, before.byteLength);
  return whole;
}
