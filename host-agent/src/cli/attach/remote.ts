/** An attached session through the control plane: one socket, redialled with its offset until somebody ends it. */
import type { IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { MAX_FRAME_BYTES, MAX_INPUT_BYTES_PER_FRAME, PING_INTERVAL_MS, PONG_TIMEOUT_MS } from "@maestro/shared/limits";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, encodeFrame } from "@maestro/shared/protocol/frame";
import { SUBPROTOCOL, VERSIONS } from "@maestro/shared/protocol/version";
import { ToViewerFrames, type ToViewerFrame } from "@maestro/shared/protocol/viewer";
import { connectorTo } from "../../link/connector.ts";
import { describeConnectFailure } from "../../link/http-call.ts";
import { readText } from "../api/http.ts";
import { fillPath, refusal } from "../api/client.ts";
import type { Target } from "../config/target.ts";
import { ServerRefusal } from "../render/failure.ts";
import { endOf, type Ended, type Said } from "./ended.ts";
import { ViewerStream, type Taken } from "./stream.ts";
import type { AttachEvent, AttachLink } from "./view.ts";

export interface RemoteOptions {
  target: Target;
  session: string;
  readOnly: boolean;
  size(): { cols: number; rows: number };
  timeoutMs: number;
  userAgent: string;
  random(): number;
  emit(event: AttachEvent): void;
}

/** Our own close code: not an end, only a new beginning. */
const LOST_PLACE = 4000;
const FIRST_REDIAL_MS = 250;
const MAX_REDIAL_MS = 15_000;

/** Full jitter, 250 ms doubling to 15 s. @param attempt 0 for the first redial. */
export const viewerRedialMs = (attempt: number, random: number): number =>
  Math.floor(Math.min(MAX_REDIAL_MS, FIRST_REDIAL_MS * 2 ** Math.min(attempt, 10)) * random);

export class RemoteAttach implements AttachLink {
  readonly #options: RemoteOptions;
  readonly #stream = new ViewerStream();
  readonly #stop = new AbortController();
  #socket: WebSocket | undefined;
  #resume: string | undefined;
  #requestId = 0;
  #everConnected = false;
  /** The last refusal on this socket. */
  #said: Said | undefined;

  constructor(options: RemoteOptions) {
    this.#options = options;
    void this.#run();
  }

  input(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; at += MAX_INPUT_BYTES_PER_FRAME) {
      this.#sendBinary(
        encodeFrame({
          kind: "input",
          flags: 0,
          epoch: 0,
          channel: 0,
          offset: 0,
          payload: bytes.subarray(at, at + MAX_INPUT_BYTES_PER_FRAME),
        }),
      );
    }
  }

  resize(cols: number, rows: number): void {
    this.#send({ t: "resize", cols, rows });
  }

  take(): void {
    this.#send({ t: "take", id: ++this.#requestId });
  }

  shown(epoch: number, offset: number): void {
    this.#stream.acknowledged(offset);
    this.#send({ t: "ack", epoch, offset });
  }

  redraw(): void {
    this.#send({ t: "history", lines: 1 });
  }

  close(): void {
    this.#stop.abort();
    this.#socket?.close(1000);
  }

  async #run(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const startedMs = performance.now();
      const end = await this.#connect();
      this.#stream.disconnected();
      if (this.#stop.signal.aborted) return this.#options.emit({ type: "over", failure: undefined });
      if (end.type === "over") return this.#options.emit({ type: "over", failure: end.failure });
      if (performance.now() - startedMs > MAX_REDIAL_MS) attempt = 0;
      const retryInMs = viewerRedialMs(attempt, this.#options.random());
      this.#options.emit({ type: "disconnected", why: end.why, retryInMs });
      await delay(retryInMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /** One socket, from dialling to its end. */
  #connect(): Promise<Ended> {
    const { target, session, timeoutMs, userAgent } = this.#options;
    const { url, token, pin } = target;
    const address = new URL(fillPath("/api/v1/sessions/:id/attach", { id: session }), url);
    address.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, [SUBPROTOCOL], {
      headers: { "user-agent": userAgent, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      // The key is compared before the token is written.
      createConnection: connectorTo({ url, timeoutMs, signal: this.#stop.signal, ...(pin === undefined ? {} : { pin }) }),
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      handshakeTimeout: timeoutMs,
    });
    this.#socket = socket;
    this.#said = undefined;
    return new Promise((resolve) => {
      const liveness = new Liveness(socket);
      const settle = (end: Ended): void => {
        liveness.stop();
        resolve(end);
      };
      socket.once("open", () => {
        liveness.start();
        this.#hello();
      });
      socket.on("message", (data: Buffer, isBinary: boolean) => {
        liveness.heard();
        if (isBinary) this.#binary(data);
        else if (data.toString("utf8") !== "pong") this.#text(data.toString("utf8"));
      });
      socket.once("unexpected-response", (_request, response: IncomingMessage) => {
        void refusedUpgrade(url, response, timeoutMs).then((failure) => settle(this.#afterRefusal(failure)));
      });
      socket.on("error", (error) => {
        const described = describeConnectFailure(url, error);
        const fatal = !this.#everConnected || described.code === "tls_pin_mismatch";
        settle(
          fatal ? { type: "over", failure: new MaestroFailure(described, { cause: error }) } : { type: "redial", why: described.detail },
        );
      });
      socket.once("close", (code, reason) => settle(endOf(code, reason.toString("utf8"), this.#said)));
    });
  }

  /** A server that restarts answers 5xx, one whose owner just changed our rights `superseded`: that passes. Before the first connection everything is told. */
  #afterRefusal(failure: MaestroFailure | ServerRefusal): Ended {
    const passing =
      failure instanceof ServerRefusal
        ? failure.problem.status >= 500 || failure.problem.status === 429 || failure.problem.code === "superseded"
        : true;
    return this.#everConnected && passing ? { type: "redial", why: failure.message } : { type: "over", failure };
  }

  #hello(): void {
    const { cursor } = this.#stream;
    const { size, readOnly } = this.#options;
    this.#send({
      t: "hello",
      versions: VERSIONS,
      ...size(),
      ...(cursor === undefined ? {} : { from: cursor }),
      ...(readOnly ? { readOnly: true } : {}),
      ...(this.#resume === undefined ? {} : { resume: this.#resume }),
    });
  }

  #binary(data: Buffer): void {
    const frame = decodeFrame(data);
    if (!frame.ok || frame.value === undefined) return;
    const { kind, epoch, offset, payload } = frame.value;
    if (kind === "snapshot") this.#taken(this.#stream.screenPart(payload));
    else if (kind === "output") this.#taken(this.#stream.output(epoch, offset, payload));
  }

  #text(text: string): void {
    const decoded = decodeControl<ToViewerFrame>(text, ToViewerFrames);
    // [VR2] What a newer relay says and we do not know is not for us.
    if (decoded.ok && decoded.value.type === "frame") this.#control(decoded.value.frame);
  }

  #control(frame: ToViewerFrame): void {
    const { emit } = this.#options;
    switch (frame.t) {
      case "welcome":
        this.#everConnected = true;
        this.#resume = frame.resume;
        return emit({
          type: "connected",
          session: frame.session,
          canWrite: frame.canWrite && !this.#options.readOnly,
          hostAway: !frame.host.connected,
        });
      case "pen":
        return emit({ type: "pen", mine: frame.you, writer: frame.writer?.name, viewers: frame.viewers });
      case "snapshot":
        return this.#taken(this.#stream.beginScreen(frame));
      case "resumed":
        return this.#stream.resumed({ epoch: frame.epoch, offset: frame.offset });
      case "gap":
        this.#stream.forget();
        return emit({ type: "gap", from: frame.from, to: frame.to });
      case "sync": {
        const { cursor } = this.#stream;
        return cursor === undefined ? undefined : this.#send({ t: "ack", ...cursor });
      }
      case "host":
        return emit({ type: "host", away: !frame.connected });
      case "session":
        return emit({ type: "session", session: frame.session });
      case "error":
        this.#said = frame.error;
        return emit({ type: "refused", code: frame.error.code, detail: frame.error.detail });
      case "size":
        return emit({ type: "size", cols: frame.cols, rows: frame.rows });
      case "taken":
        return undefined;
    }
  }

  #taken(taken: Taken): void {
    const { emit } = this.#options;
    switch (taken.type) {
      case "nothing":
        return undefined;
      case "screen":
        return emit({ type: "screen", bytes: taken.bytes, ...taken.cursor, ...taken.size });
      case "output":
        return emit({ type: "output", bytes: taken.bytes, ...taken.cursor });
      case "lost":
        // A fresh dial without an offset brings a fresh screen.
        return this.#socket?.close(LOST_PLACE);
    }
  }

  #send(frame: { t: string; [key: string]: unknown }): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encodeControl(frame));
  }

  /** [CH6] What cannot go out now is not kept for later. */
  #sendBinary(bytes: Uint8Array): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
    else this.#options.emit({ type: "refused", code: "input_refused", detail: "Not connected: what you typed was not sent." });
  }
}

/** [LK4] The same for viewers: `ping` answered by the platform; silence means the connection is dead. */
class Liveness {
  readonly #socket: WebSocket;
  #timer: NodeJS.Timeout | undefined;
  #heardMs = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  start(): void {
    this.heard();
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heardMs > PING_INTERVAL_MS + PONG_TIMEOUT_MS) this.#socket.terminate();
      else this.#socket.send("ping");
    }, PING_INTERVAL_MS / 2);
  }

  heard(): void {
    this.#heardMs = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function refusedUpgrade(url: URL, response: IncomingMessage, timeoutMs: number): Promise<MaestroFailure | ServerRefusal> {
  try {
    return refusal(url, response.statusCode ?? 0, await readText(response, timeoutMs));
  } catch (error) {
    return error instanceof MaestroFailure ? error : fail("server_error", `${url.origin} refused the terminal.`, {}, error);
  }
}
