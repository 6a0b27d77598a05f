/**
 * A viewer without a screen: speaks the viewer protocol as the console and the CLI do (resume, credit,
 * redial), and keeps account of every byte, gap and frame so that tests can be strict about them.
 */
import headless, { type Terminal } from "@xterm/headless";
import { WebSocket } from "ws";
import { FLAG, decodeFrame, encodeFrame, type Frame } from "@maestro/shared/protocol/frame";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { CLOSE_TABLE } from "@maestro/shared/protocol/close-codes";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { SUBPROTOCOL, VERSIONS, type VersionRange } from "@maestro/shared/protocol/version";
import { ToViewerFrames, type ToViewerFrame, type ViewerFrame } from "@maestro/shared/protocol/viewer";
import { MAX_INPUT_BYTES_PER_FRAME, VIEWER_ACK_BYTES, VIEWER_IDLE_ACK_MS } from "@maestro/shared/limits";
import { Capture } from "./capture.ts";
import { Signal, until } from "./wait.ts";

export interface ViewerOptions {
  /** `http://127.0.0.1:<port>` of the control plane, or of a proxy before it. */
  url: string;
  session: string;
  token: string;
  cols?: number;
  rows?: number;
  readOnly?: boolean;
  /** Come back after a cut, with the offset reached: on unless a test wants to see the close. */
  redial?: boolean;
  /** Ceiling of the redial delay; the real ones go to 15 s. */
  redialMaxMs?: number;
  /** [VR1] As another build would offer them. */
  versions?: VersionRange;
  /** Also run a headless terminal, for `screenShows`; costs CPU, so off where bytes are counted. */
  screen?: boolean;
}

type Named<T extends ToViewerFrame["t"]> = Extract<ToViewerFrame, { t: T }>;

const MAX_FRAMES_KEPT = 5_000;

export class Viewer implements AsyncDisposable {
  readonly options: ViewerOptions;
  /** Control frames received, oldest first; bounded, the oldest go. */
  readonly frames: ToViewerFrame[] = [];
  readonly closes: { code: number; reason: string }[] = [];
  readonly unknownFrames: string[] = [];
  redials = 0;
  /** Totals over all connections. */
  outputBytes = 0;
  outputFrames = 0;
  snapshotBytes = 0;
  /** [P10] Bytes of all kinds received before the first screen was complete. */
  bytesBeforeScreen: number | undefined;
  cursor: Cursor | undefined;
  #socket: WebSocket | undefined;
  #resume: string | undefined;
  #acked = -1;
  #ackTimer: NodeJS.Timeout | undefined;
  #redialTimer: NodeJS.Timeout | undefined;
  #pausedAcks = false;
  #closed = false;
  #received = 0;
  #snapshotLeft = 0;
  #gapTold = false;
  #requestId = 0;
  readonly #captures = new Set<Capture>();
  readonly #echoes = new Set<(payload: Uint8Array) => void>();
  readonly #changed = new Signal();
  readonly terminal: Terminal | undefined;

  private constructor(options: ViewerOptions) {
    this.options = options;
    this.terminal =
      options.screen === true
        ? new headless.Terminal({ cols: options.cols ?? 80, rows: options.rows ?? 24, allowProposedApi: true, scrollback: 10_000 })
        : undefined;
  }

  /** Resolves when the first screen is complete (or the stream resumed). */
  static async attach(options: ViewerOptions): Promise<Viewer> {
    const viewer = Viewer.open(options);
    await viewer.ready();
    return viewer;
  }

  /** Without waiting for anything: for tests of refusals and of the handshake itself. */
  static open(options: ViewerOptions): Viewer {
    const viewer = new Viewer(options);
    viewer.#dial();
    return viewer;
  }

  /** A whole screen or an unbroken stream is there. */
  ready(timeoutMs = 15_000): Promise<true> {
    return this.when("ready", () => this.cursor !== undefined && this.#snapshotLeft === 0, timeoutMs);
  }

  when(what: string, holds: (viewer: Viewer) => boolean, timeoutMs = 15_000): Promise<true> {
    return until(`viewer: ${what}`, this.#changed.changes, () => (holds(this) ? true : undefined), {
      timeoutMs,
      detail: () => this.toString(),
    });
  }

  /** The first control frame of this type, received already or to come, that matches. */
  frame<T extends ToViewerFrame["t"]>(type: T, matches: (frame: Named<T>) => boolean = () => true, timeoutMs = 15_000): Promise<Named<T>> {
    const isNamed = (frame: ToViewerFrame): frame is Named<T> => frame.t === type;
    return until(`viewer: frame '${type}'`, this.#changed.changes, () => this.frames.filter(isNamed).find(matches), {
      timeoutMs,
      detail: () => this.toString(),
    });
  }

  /** The newest frame of a type. */
  last<T extends ToViewerFrame["t"]>(type: T): Named<T> | undefined {
    const isNamed = (frame: ToViewerFrame): frame is Named<T> => frame.t === type;
    return this.frames.filter(isNamed).at(-1);
  }

  /** The session as it was last told. */
  get hasPen(): boolean {
    return this.last("pen")?.you === true;
  }

  get gaps(): readonly Named<"gap">[] {
    return this.frames.filter((frame) => frame.t === "gap");
  }

  /** From the next byte on; ends by itself after `limit` bytes. */
  capture(limit = Infinity): Capture {
    if (this.cursor === undefined) throw new Error("a viewer captures from its first screen on: attach first");
    const capture = new Capture(this.cursor, limit);
    this.#captures.add(capture);
    return capture;
  }

  /** Sees every new payload as it comes; for latency. Returns how to stop. */
  onOutput(listener: (payload: Uint8Array) => void): () => void {
    this.#echoes.add(listener);
    return () => this.#echoes.delete(listener);
  }

  type(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    for (let at = 0; at < bytes.byteLength; at += MAX_INPUT_BYTES_PER_FRAME) {
      const payload = bytes.subarray(at, at + MAX_INPUT_BYTES_PER_FRAME);
      this.sendBinary(encodeFrame({ kind: "input", flags: 0, epoch: this.cursor?.epoch ?? 0, channel: 0, offset: 0, payload }));
    }
  }

  send(frame: ViewerFrame): void {
    this.sendText(encodeControl(frame));
  }

  /** Whatever text a test wants on the wire. */
  sendText(text: string): void {
    this.#socket?.send(text);
  }

  sendBinary(bytes: Uint8Array): void {
    this.#socket?.send(bytes);
  }

  resize(cols: number, rows: number): void {
    this.send({ t: "resize", cols, rows });
  }

  async take(timeoutMs = 5_000): Promise<void> {
    const id = ++this.#requestId;
    this.send({ t: "take", id });
    await until(
      "viewer: answer to take",
      this.#changed.changes,
      () => this.frames.find((frame) => (frame.t === "taken" || frame.t === "error") && frame.id === id),
      { timeoutMs },
    );
    await this.when("pen", () => this.hasPen, timeoutMs);
  }

  /** `acks`: reads on but acknowledges nothing. `socket`: does not even read. */
  stall(how: "acks" | "socket" = "acks"): void {
    this.#pausedAcks = true;
    if (how === "socket") this.#socket?.pause();
  }

  unstall(): void {
    this.#pausedAcks = false;
    this.#socket?.resume();
    this.acknowledge();
  }

  acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#pausedAcks || this.cursor === undefined || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#acked = this.cursor.offset;
    this.send({ t: "ack", ...this.cursor });
  }

  /** As a cable does: no close frame. */
  cut(): void {
    this.#socket?.terminate();
  }

  /** The headless terminal's text, trailing blanks removed. */
  screen(): string {
    const { terminal } = this;
    if (terminal === undefined) throw new Error("this viewer was opened without `screen: true`");
    const buffer = terminal.buffer.active;
    const lines = Array.from({ length: terminal.rows }, (_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? "");
    return lines.join("\n").trimEnd();
  }

  screenShows(wanted: string | RegExp, timeoutMs = 15_000): Promise<string> {
    const seen = () => {
      const text = this.screen();
      return (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)) ? text : undefined;
    };
    return until(`viewer: screen showing ${String(wanted)}`, this.#changed.changes, seen, {
      timeoutMs,
      detail: () => `${this.toString()}\n${this.screen()}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#redialTimer);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.resume();
      socket.close(1000);
      setTimeout(() => socket.terminate(), 1_000).unref();
    });
  }

  toString(): string {
    const tail = this.frames.slice(-5).map((frame) => JSON.stringify(frame).slice(0, 200));
    return `cursor ${JSON.stringify(this.cursor)}, ${this.outputBytes} bytes in ${this.outputFrames} frames, ${this.redials} redials, closes ${JSON.stringify(this.closes)}, last frames ${tail.join(" ")}`;
  }

  #dial(): void {
    const { url, session, token } = this.options;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/api/v1/sessions/${session}/attach`, SUBPROTOCOL, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on("open", () => this.#hello());
    socket.on("message", (data: Buffer, binary) => (binary ? this.#binary(data) : this.#text(data.toString("utf8"))));
    socket.on("unexpected-response", (_request, response) => {
      this.closes.push({ code: response.statusCode ?? 0, reason: "refused" });
      response.resume();
      socket.terminate();
      this.#changed.emit();
    });
    socket.on("error", () => undefined);
    socket.on("close", (code, reason) => this.#gone(code, reason.toString("utf8")));
  }

  #hello(): void {
    const { cols, rows, readOnly, versions = VERSIONS } = this.options;
    this.send({
      t: "hello",
      versions,
      ...(cols === undefined ? {} : { cols }),
      ...(rows === undefined ? {} : { rows }),
      ...(readOnly === undefined ? {} : { readOnly }),
      ...(this.cursor === undefined || this.#snapshotLeft > 0 ? {} : { from: this.cursor }),
      ...(this.#resume === undefined ? {} : { resume: this.#resume }),
    });
  }

  #text(text: string): void {
    this.#received += text.length;
    if (text === "pong") return;
    const decoded = decodeControl<ToViewerFrame>(text, ToViewerFrames);
    if (!decoded.ok) throw new Error(`the relay sent a frame that breaks the contract: ${decoded.error.detail}: ${text.slice(0, 500)}`);
    if (decoded.value.type === "unknown") this.unknownFrames.push(decoded.value.name);
    else this.#control(decoded.value.frame);
    this.#changed.emit();
  }

  #control(frame: ToViewerFrame): void {
    this.frames.push(frame);
    if (this.frames.length > MAX_FRAMES_KEPT) this.frames.shift();
    switch (frame.t) {
      case "welcome":
        this.#resume = frame.resume;
        break;
      case "snapshot":
        for (const capture of this.#captures) capture.jump({ epoch: frame.epoch, offset: frame.offset }, this.#gapTold);
        this.#gapTold = false;
        this.cursor = { epoch: frame.epoch, offset: frame.offset };
        this.#snapshotLeft = frame.bytes;
        this.terminal?.reset();
        this.terminal?.resize(frame.cols, frame.rows);
        if (frame.bytes === 0) this.#screenComplete();
        break;
      case "resumed":
        this.cursor = { epoch: frame.epoch, offset: frame.offset };
        break;
      case "gap":
        this.#gapTold = true;
        break;
      case "sync":
        this.acknowledge();
        break;
      case "size":
        this.terminal?.resize(frame.cols, frame.rows);
        break;
      case "pen":
      case "host":
      case "session":
      case "taken":
      case "error":
    }
  }

  #binary(data: Buffer): void {
    this.#received += data.byteLength;
    const decoded = decodeFrame(data);
    if (!decoded.ok) throw new Error(`the relay sent a frame that breaks the contract: ${decoded.error.detail}`);
    if (decoded.value?.kind === "output") this.#output(decoded.value);
    if (decoded.value?.kind === "snapshot") this.#snapshot(decoded.value);
    this.#changed.emit();
  }

  #snapshot({ payload, flags }: Frame): void {
    this.snapshotBytes += payload.byteLength;
    this.#snapshotLeft = (flags & FLAG.last) !== 0 ? 0 : Math.max(0, this.#snapshotLeft - payload.byteLength);
    this.terminal?.write(payload, () => this.#changed.emit());
    if (this.#snapshotLeft === 0) this.#screenComplete();
  }

  #screenComplete(): void {
    this.bytesBeforeScreen ??= this.#received;
    this.acknowledge();
  }

  #output({ epoch, offset, payload }: Frame): void {
    this.outputFrames++;
    this.outputBytes += payload.byteLength;
    for (const capture of this.#captures) capture.output(epoch, offset, payload);
    const end = offset + payload.byteLength;
    const fresh =
      this.cursor === undefined || this.cursor.epoch !== epoch
        ? payload
        : payload.subarray(Math.max(0, Math.min(payload.byteLength, this.cursor.offset - offset)));
    if (fresh.byteLength === 0) return;
    this.cursor = { epoch, offset: end };
    this.terminal?.write(fresh, () => this.#changed.emit());
    for (const listener of this.#echoes) listener(fresh);
    if (end - this.#acked >= VIEWER_ACK_BYTES) this.acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.acknowledge(), VIEWER_IDLE_ACK_MS);
  }

  #gone(code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.#changed.emit();
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const row = Object.entries(CLOSE_TABLE).find(([known]) => Number(known) === code)?.[1];
    const comesBack = row === undefined || row.redial === "backoff" || row.redial === "spread";
    if (this.#closed || this.options.redial === false || !comesBack) return;
    this.#redialTimer = setTimeout(
      () => {
        this.redials++;
        this.#dial();
      },
      Math.random() * (this.options.redialMaxMs ?? 250),
    );
  }
}
