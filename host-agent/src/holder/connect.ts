/** The client's end of the holder's socket. */
import { createConnection, type Socket } from "node:net";
import { isErrorCode, maestroError, type MaestroError } from "@maestro/shared/errors";
import { HELLO_TIMEOUT_MS } from "@maestro/shared/limits";
import type { WireError } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";
import { errnoOf } from "../daemon/durable-file.ts";
import type { HolderClient } from "./client.ts";
import { decodeOutput, encodeControlMessage, encodeInput, MessageReader } from "./framing.ts";
import { isForeignSocket } from "./paths.ts";
import { PartCollector } from "./part-collector.ts";
import { parseAnswer, parseHolderMessage } from "./parse-message.ts";
import { Answers, HOLDER_VERSIONS, TAG, type Answer, type AnswerName, type ClientMessage, type ClientRequest } from "./protocol.ts";
import type {
  CreateSpec,
  HeldInfo,
  HolderEvents,
  HolderFacts,
  HolderPaths,
  Position,
  ScreenCopy,
  SubscribeOptions,
  Subscription,
} from "./types.ts";

/** Input that the holder has not read: it hangs. More is refused to whoever types. */
const MAX_INPUT_BACKLOG_BYTES = 4 * 1024 * 1024;
/** Beside such input there is room for what is asked and granted; a holder that lets that lie too is refused as absent. */
const MAX_BACKLOG_BYTES = 2 * MAX_INPUT_BACKLOG_BYTES;
/** Unanswered at once: far more than all links and terminals of a host ask for. */
const MAX_UNANSWERED = 4096;
const READ_BYTES = 256 * 1024;

/** Fails with `not_running` when nobody listens there. */
export async function connectHolder(
  paths: Pick<HolderPaths, "socket">,
  events: HolderEvents,
  signal?: AbortSignal,
): Promise<Result<HolderClient>> {
  if (isForeignSocket(paths.socket)) {
    return err(
      maestroError(
        "insecure_permissions",
        `The directory of '${paths.socket}' belongs to somebody else: what listens there is not yours.`,
        { field: paths.socket, hint: "Choose a shorter MAESTRO_HOME, or remove that directory." },
      ),
    );
  }
  // The holder does not speak first.
  let read: (chunk: Buffer) => boolean = () => true;
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const socket = createConnection({
    path: paths.socket,
    // One buffer for good: a flood read into new ones keeps the garbage collector busier than the flood itself.
    onread: { buffer, callback: (length) => read(buffer.subarray(0, length)) },
  });
  const opened = await new Promise<MaestroError | undefined>((resolve) => {
    socket.once("connect", () => resolve(undefined));
    socket.once("error", (cause) => resolve(refuseConnect(paths.socket, cause)));
  });
  if (opened !== undefined) return err(opened);
  const client = new SocketClient(socket, events);
  read = (chunk) => client.read(chunk);
  const greeted = await client.greet();
  if (!greeted.ok) {
    client.close();
    return greeted;
  }
  signal?.addEventListener("abort", () => client.close(), { once: true });
  return ok(client);
}

function refuseConnect(socket: string, cause: unknown): MaestroError {
  const code = errnoOf(cause);
  if (code === "EMFILE" || code === "ENFILE")
    return maestroError("descriptors_exhausted", `No file descriptor left to connect to '${socket}'.`, { hint: "Raise `ulimit -n`." });
  return maestroError("not_running", `No holder listens on '${socket}' (${code ?? "unknown"}).`, {
    hint: "It is started with the host-agent.",
  });
}

type Pending = (answer: Result<unknown>) => void;
/** `Omit` over each member of a union. */
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

class SocketClient implements HolderClient {
  readonly #socket: Socket;
  readonly #events: HolderEvents;
  readonly #reader = new MessageReader((tag, payload) => this.#receive(tag, payload));
  readonly #pending = new Map<number, Pending>();
  readonly #sessions = new Map<number, string>();
  readonly #indexes = new Map<string, number>();
  readonly #parts = new PartCollector();
  #facts: HolderFacts = { version: 0, pid: 0, instance: "", startedMs: 0, tmux: undefined, pty: false, warnings: [] };
  #lastId = 0;
  #closed = false;

  constructor(socket: Socket, events: HolderEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("error", (cause) => this.#end(cause.message));
    socket.once("close", () => this.#end("the holder closed the connection"));
  }

  get facts(): HolderFacts {
    return this.#facts;
  }

  /** What came on the socket; the chunk is used again. True: more may come. */
  read(chunk: Buffer): boolean {
    if (!this.#reader.push(chunk)) this.#end("the holder sent what is no message");
    return !this.#closed;
  }

  async greet(): Promise<Result<HolderFacts>> {
    const timer = setTimeout(() => this.#end("the holder did not answer"), HELLO_TIMEOUT_MS);
    const facts = await this.#ask("hello", { t: "hello", versions: HOLDER_VERSIONS });
    clearTimeout(timer);
    return this.#keepFacts(facts);
  }

  async refreshFacts(): Promise<Result<HolderFacts>> {
    return this.#keepFacts(await this.#ask("facts", { t: "facts" }));
  }

  async list(): Promise<Result<HeldInfo[]>> {
    const answer = await this.#ask("list", { t: "list" });
    return answer.ok ? ok(answer.value.sessions) : answer;
  }

  async create(spec: CreateSpec): Promise<Result<HeldInfo>> {
    const answer = await this.#ask("create", { t: "create", spec: { ...spec, argv: [...spec.argv], env: { ...spec.env } } });
    return answer.ok ? ok(answer.value.session) : answer;
  }

  async kill(session: string, force = false): Promise<Result<boolean>> {
    const answer = await this.#ask("kill", { t: "kill", session, force });
    return answer.ok ? ok(answer.value.killed) : answer;
  }

  async forget(session: string): Promise<Result<boolean>> {
    const answer = await this.#ask("forget", { t: "forget", session });
    return answer.ok ? ok(answer.value.forgotten) : answer;
  }

  screen(session: string, format: "text" | "ansi"): Promise<Result<ScreenCopy>> {
    return new Promise((resolve) => {
      const id = this.#request({ t: "screen", session, format }, (answer) => {
        this.#parts.forget(id);
        if (!answer.ok) resolve(answer);
      });
      this.#parts.await(id, (copy) => {
        this.#pending.delete(id);
        resolve(ok(copy));
      });
    });
  }

  input(session: string, bytes: Uint8Array): boolean {
    if (this.#closed || this.#socket.writableLength + bytes.byteLength > MAX_INPUT_BACKLOG_BYTES) return false;
    this.#socket.write(encodeInput(session, bytes));
    return true;
  }

  async send(session: string, bytes: Uint8Array): Promise<Result<number>> {
    const answer = await this.#ask("send", { t: "send", session, base64: Buffer.from(bytes).toString("base64") });
    return answer.ok ? ok(answer.value.accepted) : answer;
  }

  resize(session: string, cols: number, rows: number): Promise<Result<{ cols: number; rows: number }>> {
    return this.#ask("resize", { t: "resize", session, cols, rows });
  }

  subscribe(session: string, { from, credit }: SubscribeOptions): Promise<Result<Subscription>> {
    return new Promise((resolve) => {
      // Taken in the very turn of the answer: output that follows in the same read must find its session.
      const message = { t: "subscribe", session, credit, ...(from === undefined ? {} : { from }) } as const;
      this.#request(message, (answer) => {
        if (!answer.ok) return resolve(answer);
        const value = Answers.subscribe.safeParse(answer.value);
        if (!value.success) return resolve(err(badAnswer("subscribe")));
        const { index, ...subscription } = value.data;
        const old = this.#indexes.get(session);
        if (old !== undefined) this.#sessions.delete(old);
        this.#indexes.set(session, index);
        this.#sessions.set(index, session);
        resolve(ok({ ...subscription, session: subscription.session }));
      });
    });
  }

  grant(session: string, { epoch, upTo }: { epoch: number; upTo: number }): void {
    this.#post({ t: "grant", session, epoch, upTo });
  }

  unsubscribe(session: string): void {
    const index = this.#indexes.get(session);
    if (index !== undefined) this.#sessions.delete(index);
    this.#indexes.delete(session);
    this.#post({ t: "unsubscribe", session });
  }

  snapshot(session: string, { lines, viewer }: { lines: number; viewer?: string }): Promise<Result<Position>> {
    return this.#ask("snapshot", { t: "snapshot", session, lines, ...(viewer === undefined ? {} : { viewer }) });
  }

  need(session: string, { epoch, from, to }: { epoch: number; from: number; to: number }): void {
    this.#post({ t: "need", session, epoch, from, to });
  }

  hold(session: string, ms: number): void {
    this.#post({ t: "hold", session, ms });
  }

  async stop(force: boolean): Promise<Result<boolean>> {
    const answer = await this.#ask("stop", { t: "stop", force });
    return answer.ok ? ok(answer.value.stopping) : answer;
  }

  close(): void {
    this.#end("closed here");
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    for (const pending of [...this.#pending.values()]) pending(err(gone(reason)));
    this.#pending.clear();
    this.#events.closed(reason);
  }

  /** A holder that hangs collects neither questions nor bytes: what is more than it lets lie is refused at once. */
  #request(message: WithoutId<ClientRequest>, pending: Pending): number {
    const id = ++this.#lastId;
    if (this.#closed) queueMicrotask(() => pending(err(gone("closed"))));
    else if (this.#pending.size < MAX_UNANSWERED && this.#write({ ...message, id })) this.#pending.set(id, pending);
    else queueMicrotask(() => pending(err(hangs())));
    return id;
  }

  #ask<N extends AnswerName>(name: N, message: WithoutId<Extract<ClientRequest, { t: N }>>): Promise<Result<Answer<N>>> {
    return new Promise((resolve) => {
      this.#request(message, (answer) => {
        if (!answer.ok) return resolve(answer);
        const parsed = parseAnswer(name, answer.value);
        resolve(parsed === undefined ? err(badAnswer(name)) : ok(parsed));
      });
    });
  }

  /** Unanswered. A grant that is lost would leave its stream standing for good, so a new connection has to restate it. */
  #post(message: ClientMessage): void {
    if (!this.#closed && !this.#write(message)) queueMicrotask(() => this.#end("the holder does not read"));
  }

  /** False when too much lies unread. */
  #write(message: object): boolean {
    const bytes = encodeControlMessage(message);
    if (this.#socket.writableLength + bytes.byteLength > MAX_BACKLOG_BYTES) return false;
    this.#socket.write(bytes);
    return true;
  }

  #keepFacts(facts: Result<Answer<"facts">>): Result<HolderFacts> {
    if (!facts.ok) return facts;
    this.#facts = { ...facts.value, tmux: facts.value.tmux };
    return ok(this.#facts);
  }

  #receive(tag: number, payload: Buffer): void {
    if (this.#closed) return;
    switch (tag) {
      case TAG.output: {
        const output = decodeOutput(payload);
        const session = output === undefined ? undefined : this.#sessions.get(output.index);
        if (output === undefined || session === undefined) return;
        const { epoch, offset, replay, bytes, room } = output;
        return this.#events.output({ session, epoch, offset, replay, bytes, room });
      }
      case TAG.part:
        return this.#parts.part(payload);
      case TAG.control:
        return this.#control(payload.toString("utf8"));
    }
    // [VR2] A newer holder's tag: ignored.
  }

  #control(text: string): void {
    const message = parseHolderMessage(text);
    if (message === undefined) return this.#end("the holder sent a malformed message");
    if (message === "unknown") return;
    switch (message.t) {
      case "reply":
        return this.#settle(message.id, ok(message.value));
      case "error":
        return this.#settle(message.id, err(fromWire(message.error)));
      case "input-refused":
        return this.#events.inputRefused({ session: message.session, error: fromWire(message.error) });
      case "snapshot": {
        const { session, epoch, offset, cols, rows, lines, viewer } = message;
        return this.#parts.begin(message.bytes, (bytes) =>
          this.#events.snapshot({ session, epoch, offset, cols, rows, lines, viewer, bytes }),
        );
      }
      case "screen": {
        const { epoch, offset, cols, rows } = message;
        return this.#parts.begin(message.bytes, (bytes) => this.#parts.answer(message.id, { epoch, offset, cols, rows, bytes }));
      }
      case "gap":
        return this.#events.gap({ session: message.session, epoch: message.epoch, from: message.from, to: message.to });
      case "epoch":
        return this.#events.epoch({ session: message.session, epoch: message.epoch, offset: message.offset });
      case "sessions":
        return this.#events.sessions({ upsert: message.upsert, removed: message.removed });
    }
  }

  #settle(id: number, answer: Result<unknown>): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.(answer);
  }
}

const fromWire = ({ code, detail, field, hint }: WireError): MaestroError =>
  maestroError(isErrorCode(code) ? code : "internal", detail, {
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
  });
const gone = (reason: string): MaestroError =>
  maestroError("not_running", `The connection to the holder ended: ${reason}.`, { hint: "Connect again." });
const hangs = (): MaestroError =>
  maestroError("backend_unavailable", "The process that holds this host's terminals does not answer.", { hint: "Try again in a moment." });
const badAnswer = (name: string): MaestroError =>
  maestroError("server_error", `The holder answered '${name}' with something unexpected.`, { hint: "It may be of another version." });
