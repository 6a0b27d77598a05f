/** The far side of the link for tests: a real HTTP and WebSocket server that speaks as the Worker and HostRelay do. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, encodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import { parseHostAuthorization, type HostClaim } from "@maestro/shared/protocol/link-auth";
import { HostFrames, type HostFrame, type RelayFrame } from "@maestro/shared/protocol/link";
import { toProblem, type MaestroError } from "@maestro/shared/errors";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";

export type HostFrameOf<T extends HostFrame["t"]> = Extract<HostFrame, { t: T }>;
type Received = { type: "control"; frame: HostFrame } | { type: "data"; frame: Frame };

export interface Refusal {
  status: number;
  error: MaestroError;
  headers?: Record<string, string>;
}

/** One accepted link. */
export class RelayLink {
  readonly socket: WebSocket;
  readonly tcp: Socket;
  readonly claim: HostClaim;
  readonly received: Received[] = [];
  pings = 0;
  /** What starts on this link brought, by attempt. */
  readonly sealed = new Map<string, string>();
  /** Answer pings; false plays a half-open link. */
  answers = true;
  closed: { code: number; reason: string } | undefined;
  #waiters: (() => void)[] = [];
  #nextId = 1;

  constructor(socket: WebSocket, tcp: Socket, claim: HostClaim, onFrame: (link: RelayLink, frame: HostFrame) => void) {
    this.socket = socket;
    this.tcp = tcp;
    this.claim = claim;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) {
        const decoded = decodeFrame(data);
        if (!decoded.ok || decoded.value === undefined) throw new Error("the host sent a bad binary frame");
        this.received.push({ type: "data", frame: decoded.value });
      } else {
        const text = data.toString("utf8");
        if (text === "ping") {
          this.pings += 1;
          if (this.answers) socket.send("pong");
          this.#wake();
          return;
        }
        const decoded = decodeControl<HostFrame>(text, HostFrames);
        if (!decoded.ok || decoded.value.type === "unknown") throw new Error(`the host sent a bad frame: ${text.slice(0, 200)}`);
        this.received.push({ type: "control", frame: decoded.value.frame });
        onFrame(this, decoded.value.frame);
      }
      this.#wake();
    });
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
    socket.on("error", () => {});
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Waits until the answer is not undefined. */
  async until<T>(look: () => T | undefined, what = "something on the link", patienceMs = 15_000): Promise<T> {
    const deadline = setTimeout(() => this.#wake(), patienceMs);
    const startedMs = performance.now();
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if (performance.now() - startedMs >= patienceMs) throw new Error(`waited in vain for ${what}`);
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  frames<T extends HostFrame["t"]>(type: T): HostFrameOf<T>[] {
    return this.received.flatMap((entry) => (entry.type === "control" && isFrameOf(entry.frame, type) ? [entry.frame] : []));
  }

  frame<T extends HostFrame["t"]>(type: T, match: (frame: HostFrameOf<T>) => boolean = () => true): Promise<HostFrameOf<T>> {
    return this.until(() => this.frames(type).find(match), `a frame '${type}'`);
  }

  data(channel: number): Frame[] {
    return this.received.flatMap((entry) => (entry.type === "data" && entry.frame.channel === channel ? [entry.frame] : []));
  }

  send(frame: RelayFrame): void {
    if (frame.t === "task.start") this.sealed.set(frame.attempt, frame.sealed);
    this.socket.send(encodeControl(frame));
  }
  sendInput(channel: number, bytes: Uint8Array): void {
    this.socket.send(encodeFrame({ kind: "input", flags: 0, epoch: 0, channel, offset: 0, payload: bytes }));
  }

  nextId(): number {
    return this.#nextId++;
  }

  /** Sends a request and waits for its one answer. */
  async request(frame: Extract<RelayFrame, { id: number }>): Promise<HostFrameOf<"reply"> | HostFrameOf<"reply-error">> {
    this.send(frame);
    return this.answer(frame.id);
  }
  answer(id: number): Promise<HostFrameOf<"reply"> | HostFrameOf<"reply-error">> {
    return this.until(
      () => [...this.frames("reply"), ...this.frames("reply-error")].find((reply) => reply.id === id),
      `the answer to request ${id}`,
    );
  }

  untilClosed(): Promise<{ code: number; reason: string }> {
    return this.until(() => this.closed, "the close");
  }
}

const isFrameOf = <T extends HostFrame["t"]>(frame: HostFrame, type: T): frame is HostFrameOf<T> => frame.t === type;

export interface FakeRelayOptions {
  tls?: { key: string; cert: string };
  /** HTTP answers by path, e.g. the join route. */
  http?: (request: IncomingMessage, body: string) => { status: number; json: unknown; headers?: Record<string, string> };
}

export class FakeRelay {
  readonly server: Server;
  readonly links: RelayLink[] = [];
  /** Taken one by one by the next upgrades. */
  refusals: Refusal[] = [];
  readonly claims: HostClaim[] = [];
  /** Answer hello with welcome. */
  welcomes = true;
  /** Answer who asks for the secrets of a start, with those it brought. */
  recalls = true;
  serverTimeMs: () => number = () => Date.now();
  readonly #sockets = new Set<Duplex>();
  #waiters: (() => void)[] = [];
  #secure: boolean;

  constructor({ tls, http }: FakeRelayOptions = {}) {
    this.#secure = tls !== undefined;
    this.server = tls === undefined ? createServer() : createTlsServer(tls);
    const wss = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: 1024 * 1024,
      handleProtocols: () => SUBPROTOCOL,
    });
    this.server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    this.server.on("request", (request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const answer = http?.(request, Buffer.concat(chunks).toString("utf8")) ?? { status: 404, json: {} };
        response
          .writeHead(answer.status, { "content-type": "application/json", ...answer.headers })
          .end(answer.status === 204 ? undefined : JSON.stringify(answer.json));
      });
    });
    this.server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const parsed = parseHostAuthorization(request.headers.authorization ?? "");
      if (!parsed.ok) return refuse(socket, { status: 401, error: parsed.error });
      this.claims.push(parsed.value.claim);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) {
        refuse(socket, refusal);
        return this.#wake();
      }
      wss.handleUpgrade(request, socket, head, (ws) => {
        this.links.push(new RelayLink(ws, socket, parsed.value.claim, (link, frame) => this.#onFrame(link, frame)));
        this.#wake();
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }
  get port(): number {
    const address = this.server.address();
    if (typeof address !== "object" || address === null) throw new Error("the relay does not listen");
    return address.port;
  }
  get origin(): string {
    return `${this.#secure ? "https" : "http"}://127.0.0.1:${this.port}`;
  }

  /** The n-th link there ever was, once it said hello. */
  async link(n: number): Promise<RelayLink> {
    const link = await this.until(() => this.links[n], `link ${n}`);
    await link.frame("hello");
    return link;
  }

  async until<T>(look: () => T | undefined, what = "something at the relay"): Promise<T> {
    const startedMs = performance.now();
    const deadline = setTimeout(() => this.#wake(), 15_000);
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if (performance.now() - startedMs >= 15_000) throw new Error(`waited in vain for ${what}`);
        await new Promise<void>((resolve) => this.#waiters.push(resolve));
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  #onFrame(link: RelayLink, frame: HostFrame): void {
    if (frame.t === "task.secrets" && this.recalls) this.#recall(link, frame);
    const ended = (frame.t === "hello" || frame.t === "hello-page") && !frame.more;
    if (ended && this.welcomes)
      link.send({ t: "welcome", version: 1, serverTimeMs: this.serverTimeMs(), hostName: "fake", registryVersion: 1, draining: false });
  }

  #recall(link: RelayLink, { attempt, fence }: HostFrameOf<"task.secrets">): void {
    const sealed = this.links.flatMap((one) => one.sealed.get(attempt) ?? []).at(-1);
    link.send({ t: "task.secrets", attempt, fence, ...(sealed === undefined ? {} : { sealed }) });
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

function refuse(socket: Socket, { status, error, headers = {} }: Refusal): void {
  const body = JSON.stringify(toProblem(error, "req_test"));
  const extra = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\n${extra}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
