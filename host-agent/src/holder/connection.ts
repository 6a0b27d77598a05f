/** One client of the holder: its messages in, answers and streams out, memory bounded by its socket's buffer. */
import type { Socket } from "node:net";
import { HELLO_TIMEOUT_MS, HOLD_LINK_AWAY_MS } from "@maestro/shared/limits";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { WireError } from "@maestro/shared/protocol/link";
import { negotiate } from "@maestro/shared/protocol/version";
import type { Clock } from "./clock.ts";
import { decodeInput, encodeControlMessage, encodeMessage, encodeOutputHead, MessageReader } from "./framing.ts";
import type { HeldSession } from "./held-session.ts";
import type { HolderCore } from "./holder-core.ts";
import { HOLDER_VERSIONS, MAX_HOLDER_DATA_BYTES, TAG, type ClientMessage, type ClientRequest, type HolderMessage } from "./protocol.ts";
import { Subscription, type SubscriptionSink } from "./subscription.ts";
import { parseClientMessage } from "./parse-message.ts";

const KiB = 1024;
/** Streams pause above it. */
const SOCKET_HIGH_WATER_BYTES = 512 * KiB;
/** Answers and events a client does not read; beyond it the client is taken for dead. */
const SOCKET_LIMIT_BYTES = 32 * KiB * KiB;
/** For what a client has not read yet, once the holder ends. */
const END_TIMEOUT_MS = 1_000;
/** Below it, head and bytes travel in one write. */
const JOIN_BELOW_BYTES = 4 * KiB;

/** Requests with one plain answer; the others write more than that. */
type Answered = Exclude<ClientRequest, { t: "screen" | "subscribe" }>;

export class Connection implements SubscriptionSink {
  readonly #socket: Socket;
  readonly #core: HolderCore;
  readonly #clock: Clock;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #pending = new Set<Subscription>();
  readonly #reader: MessageReader;
  readonly #cancelHello: () => void;
  #greeted = false;
  #pumping = false;
  /** Something went out in this turn already. */
  #batching = false;
  #lastIndex = 0;

  constructor(socket: Socket, core: HolderCore, clock: Clock, closed: (connection: Connection) => void) {
    this.#socket = socket;
    this.#core = core;
    this.#clock = clock;
    this.#reader = new MessageReader((tag, payload) => this.#receive(tag, payload));
    this.#cancelHello = clock.after(HELLO_TIMEOUT_MS, () => this.#socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      if (!this.#reader.push(chunk)) socket.destroy();
    });
    socket.on("drain", () => this.#pump());
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#cancelHello();
      for (const subscription of this.#subscriptions.values()) this.#leave(subscription);
      this.#subscriptions.clear();
      this.#pending.clear();
      closed(this);
    });
  }

  /** [CH5] A host-agent that was killed or upgraded comes back: until then its programs are held like those of a link that is away. */
  #leave(subscription: Subscription): void {
    subscription.dispose();
    if (!subscription.lingers) return subscription.session.unwatch(subscription);
    subscription.hold(HOLD_LINK_AWAY_MS);
    this.#clock.after(HOLD_LINK_AWAY_MS, () => subscription.session.unwatch(subscription));
  }

  get greeted(): boolean {
    return this.#greeted;
  }

  control(message: HolderMessage): void {
    this.#write(encodeControlMessage(message));
  }

  /** After the output that may go now: whoever hears that a session ended has seen its last bytes, if it has the credit and reads. */
  tell(message: HolderMessage): void {
    this.#pump();
    this.control(message);
  }

  output(index: number, epoch: number, offset: number, replay: boolean, views: readonly Uint8Array[], length: number): void {
    const head = encodeOutputHead({ index, epoch, offset, replay }, length);
    if (length < JOIN_BELOW_BYTES) return this.#write(Buffer.concat([head, ...views]));
    this.#socket.cork();
    this.#write(head);
    for (const view of views) this.#write(view);
    this.#socket.uncork();
  }

  part(bytes: Uint8Array): void {
    this.#write(encodeMessage(TAG.part, [bytes]));
  }

  /** At once for the first in a turn of the event loop, together for those that follow: a keystroke's echo waits for nobody. */
  ready(subscription: Subscription): void {
    this.#pending.add(subscription);
    if (this.#pumping || this.#batching) return;
    this.#pump();
    this.#batching = true;
    setImmediate(() => {
      this.#batching = false;
      this.#pump();
    });
  }

  drop(session: HeldSession): void {
    const subscription = this.#subscriptions.get(session.id);
    if (subscription === undefined) return;
    this.left(subscription);
    session.unwatch(subscription);
  }

  left(subscription: Subscription): void {
    const { id } = subscription.session;
    if (this.#subscriptions.get(id) === subscription) this.#subscriptions.delete(id);
    this.#pending.delete(subscription);
    subscription.dispose();
  }

  /** What was written goes out first. A client that does not take it, or does not go, is not waited for. */
  end(): void {
    this.#socket.end();
    const cancel = this.#clock.after(END_TIMEOUT_MS, () => this.#socket.destroy());
    this.#socket.once("close", cancel);
  }

  #write(bytes: Uint8Array): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > SOCKET_LIMIT_BYTES) this.#socket.destroy();
  }

  /** Subscriptions take turns, a piece each, while the socket takes it. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const advanced = new Set<HeldSession>();
    try {
      while (this.#pending.size > 0 && !this.#socket.destroyed) {
        for (const subscription of this.#pending) {
          if (this.#socket.writableLength >= SOCKET_HIGH_WATER_BYTES) return;
          if (!subscription.step()) this.#pending.delete(subscription);
          else advanced.add(subscription.session);
          // Parts of a snapshot carry no name: nothing may come between them.
          while (subscription.exclusive) subscription.step();
        }
      }
    } finally {
      this.#pumping = false;
      for (const session of advanced) session.updateFlow();
    }
  }

  #receive(tag: number, payload: Buffer): void {
    if (this.#socket.destroyed) return;
    if (tag === TAG.input && this.#greeted) {
      const input = decodeInput(payload);
      if (input === undefined) return void this.#socket.destroy();
      // Answered only when it was not taken: whoever needs to know more sends `send`.
      const written = this.#core.find(input.session)?.write(input.bytes);
      if (written?.ok === false) this.control({ t: "input-refused", session: input.session, error: toWire(written.error) });
      return;
    }
    // [VR2] An unknown tag is a newer client's: ignored.
    if (tag !== TAG.control) return;
    const message = parseClientMessage(payload.toString("utf8"));
    if (!message.ok) return void this.#socket.destroy();
    switch (message.value.type) {
      case "unknown":
        if (message.value.id !== undefined)
          this.#refuse(
            message.value.id,
            maestroError("type_unknown", `This holder does not know '${message.value.name}'.`, {
              hint: "It is older than this client; it is replaced once its sessions ended.",
            }),
          );
        return;
      case "malformed":
        return this.#refuse(message.value.id, message.value.error);
      case "message":
        return this.#handle(message.value.message);
    }
  }

  #handle(message: ClientMessage): void {
    if (!this.#greeted && message.t !== "hello") return void this.#socket.destroy();
    switch (message.t) {
      case "grant":
        return this.#subscriptions.get(message.session)?.grant(message.epoch, message.upTo);
      case "hold":
        return this.#subscriptions.get(message.session)?.hold(message.ms);
      case "unsubscribe": {
        const session = this.#core.find(message.session);
        if (session !== undefined) this.drop(session);
        return;
      }
      case "need": {
        const subscription = this.#subscriptions.get(message.session);
        const taken = subscription?.enqueue({ type: "replay", epoch: message.epoch, from: message.from, to: message.to });
        if (taken === false) this.#socket.destroy();
        return;
      }
      case "screen":
        return void this.#screen(message);
      case "subscribe":
        return this.#subscribe(message);
      case "hello":
      case "list":
      case "create":
      case "kill":
      case "forget":
      case "send":
      case "resize":
      case "snapshot":
      case "facts":
      case "stop":
        return void this.#answer(message);
    }
  }

  async #answer(request: Answered): Promise<void> {
    try {
      const result = await this.#respond(request);
      if (result.ok) this.control({ t: "reply", id: request.id, value: result.value });
      else this.#refuse(request.id, result.error);
    } catch (cause) {
      this.#core.report(`answering '${request.t}' failed`, cause);
      this.#refuse(request.id, maestroError("internal", `The holder failed at '${request.t}'.`, { hint: "Its log says more." }));
    }
  }

  async #respond(request: Answered): Promise<Result<unknown>> {
    switch (request.t) {
      case "hello": {
        const version = negotiate(HOLDER_VERSIONS, request.versions);
        if (!version.ok) return version;
        this.#greeted = true;
        this.#cancelHello();
        return ok(this.#core.facts(version.value));
      }
      case "facts":
        return ok(this.#core.facts(HOLDER_VERSIONS.max));
      case "list":
        return ok({ sessions: await this.#core.list() });
      case "create": {
        const created = await this.#core.create(request.spec);
        return created.ok ? ok({ session: created.value }) : created;
      }
      case "kill": {
        const killed = await this.#core.kill(request.session, request.force ?? false);
        return killed.ok ? ok({ killed: killed.value }) : killed;
      }
      case "forget": {
        const forgotten = this.#core.forget(request.session);
        return forgotten.ok ? ok({ forgotten: forgotten.value }) : forgotten;
      }
      case "send": {
        const session = this.#session(request.session);
        if (!session.ok) return session;
        const written = session.value.write(Buffer.from(request.base64, "base64"));
        return written.ok ? ok({ accepted: written.value }) : written;
      }
      case "resize":
        return this.#core.resize(request.session, request.cols, request.rows);
      case "snapshot":
        return this.#snapshot(request);
      case "stop":
        return this.#core.stop(request.force);
    }
  }

  /** Answer and beginning in one turn: output follows the answer, and starts exactly where it says. */
  #subscribe(request: Extract<ClientRequest, { t: "subscribe" }>): void {
    const session = this.#session(request.session);
    if (!session.ok) return this.#refuse(request.id, session.error);
    this.drop(session.value);
    const { ring, epoch } = session.value;
    const { from } = request;
    const resumed = from !== undefined && from.epoch === epoch && from.offset >= ring.start && from.offset <= ring.end;
    const offset = resumed ? from.offset : ring.end;
    const subscription = new Subscription(++this.#lastIndex, session.value, offset, request.credit, this, this.#clock);
    this.#subscriptions.set(session.value.id, subscription);
    this.control({
      t: "reply",
      id: request.id,
      value: { index: subscription.index, epoch, offset, resumed, session: session.value.info() },
    });
    session.value.watch(subscription);
    subscription.wake();
  }

  async #snapshot(request: Extract<ClientRequest, { t: "snapshot" }>): Promise<Result<unknown>> {
    const session = this.#session(request.session);
    if (!session.ok) return session;
    const subscription = this.#subscriptions.get(request.session);
    if (subscription === undefined)
      return err(maestroError("field_invalid", `Session '${request.session}' is not subscribed on this connection.`, { field: "session" }));
    const { epoch } = session.value;
    const state = await session.value.snapshot(request.lines);
    if (state === undefined || epoch !== session.value.epoch || this.#subscriptions.get(request.session) !== subscription) {
      return err(
        maestroError("internal", `The screen of '${request.session}' changed hands while it was asked for.`, { hint: "Ask again." }),
      );
    }
    const { offset, cols, rows, lines, bytes } = state;
    const sent = Promise.withResolvers<void>();
    const head = {
      t: "snapshot" as const,
      session: request.session,
      epoch,
      offset,
      cols,
      rows,
      lines,
      bytes: bytes.byteLength,
      ...(request.viewer === undefined ? {} : { viewer: request.viewer }),
    };
    const taken =
      subscription.enqueue({ type: "snapshot", head, bytes, sent: -1, done: sent.resolve }) &&
      (offset >= subscription.sent || subscription.enqueue({ type: "replay", epoch, from: offset, to: subscription.sent }));
    if (!taken) return err(maestroError("rate_limited", "Too many snapshots and replays are on their way to this connection already."));
    await sent.promise;
    return ok({ epoch, offset });
  }

  async #screen(request: Extract<ClientRequest, { t: "screen" }>): Promise<void> {
    const session = this.#session(request.session);
    if (!session.ok) return this.#refuse(request.id, session.error);
    const state = await (request.format === "text" ? session.value.text() : session.value.snapshot(0));
    if (state === undefined)
      return this.#refuse(
        request.id,
        maestroError("internal", `The screen of '${request.session}' is not to be had now.`, { hint: "Ask again." }),
      );
    const { offset, cols, rows, bytes } = state;
    this.control({
      t: "screen",
      id: request.id,
      epoch: session.value.epoch,
      offset: Math.max(0, offset),
      bytes: bytes.byteLength,
      cols,
      rows,
    });
    for (let at = 0; at < bytes.byteLength; at += MAX_HOLDER_DATA_BYTES) this.part(bytes.subarray(at, at + MAX_HOLDER_DATA_BYTES));
  }

  #session(id: string): Result<HeldSession> {
    const session = this.#core.find(id);
    return session === undefined ? err(maestroError("session_not_found", `There is no session '${id}' on this host.`)) : ok(session);
  }

  #refuse(id: number, error: MaestroError): void {
    this.control({ t: "error", id, error: toWire(error) });
  }
}

const toWire = ({ code, detail, field, hint }: MaestroError): WireError => ({
  code,
  detail,
  ...(field === undefined ? {} : { field }),
  ...(hint === undefined ? {} : { hint }),
});
