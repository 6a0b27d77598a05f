/**
 * A viewer without a screen: speaks the viewer protocol as the console and the CLI do (resume, credit,
 * redial), and keeps account of every byte, gap and frame so that tests can be strict about them.
 */
import type { Terminal } from "@xterm/headless";
import { decodeFrame, encodeFrame } from "@maestro/shared/protocol/frame";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { VERSIONS, type VersionRange } from "@maestro/shared/protocol/version";
import { ToViewerFrames, type ToViewerFrame, type ViewerFrame } from "@maestro/shared/protocol/viewer";
import { MAX_INPUT_BYTES_PER_FRAME } from "@maestro/shared/limits";
import type { Capture } from "./capture.ts";
import { ViewerScreen, type ViewerScreenOptions } from "./viewer-screen.ts";
import { ViewerSocket, type ViewerTarget } from "./viewer-socket.ts";
import { ViewerStream } from "./viewer-stream.ts";
import { PATIENCE_MS, Signal, until } from "./wait.ts";

export interface ViewerOptions extends ViewerTarget, ViewerScreenOptions {
  readOnly?: boolean;
  /** [VR1] As another build would offer them. */
  versions?: VersionRange;
}

type Named<T extends ToViewerFrame["t"]> = Extract<ToViewerFrame, { t: T }>;

const MAX_FRAMES_KEPT = 5_000;

export class Viewer implements AsyncDisposable {
  readonly options: ViewerOptions;
  /** Control frames received, oldest first; bounded, the oldest go. */
  readonly frames: ToViewerFrame[] = [];
  readonly unknownFrames: string[] = [];
  readonly #changed = new Signal();
  readonly #screen: ViewerScreen;
  readonly #stream: ViewerStream;
  readonly #socket: ViewerSocket;
  #resume: string | undefined;
  #requestId = 0;

  private constructor(options: ViewerOptions) {
    this.options = options;
    this.#screen = new ViewerScreen(options, () => this.#changed.emit());
    this.#stream = new ViewerStream(this.#screen, (cursor) => this.#acknowledge(cursor));
    this.#socket = new ViewerSocket(options, {
      opened: () => this.#hello(),
      text: (text) => this.#text(text),
      binary: (data) => this.#binary(data),
      gone: () => this.#gone(),
    });
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
    viewer.#socket.dial();
    return viewer;
  }

  // ---- what it knows ------------------------------------------------------------------------

  get closes(): readonly { code: number; reason: string }[] {
    return this.#socket.closes;
  }

  get redials(): number {
    return this.#socket.redials;
  }

  get cursor(): Cursor | undefined {
    return this.#stream.cursor;
  }

  /** Totals over all connections. */
  get outputBytes(): number {
    return this.#stream.outputBytes;
  }

  get outputFrames(): number {
    return this.#stream.outputFrames;
  }

  get snapshotBytes(): number {
    return this.#stream.snapshotBytes;
  }

  /** [P10] Bytes of all kinds received before the first screen was complete. */
  get bytesBeforeScreen(): number | undefined {
    return this.#stream.bytesBeforeScreen;
  }

  get terminal(): Terminal | undefined {
    return this.#screen.terminal;
  }

  /** The session as it was last told. */
  get hasPen(): boolean {
    return this.last("pen")?.you === true;
  }

  get gaps(): readonly Named<"gap">[] {
    return this.frames.filter((frame) => frame.t === "gap");
  }

  /** The newest frame of a type. */
  last<T extends ToViewerFrame["t"]>(type: T): Named<T> | undefined {
    const isNamed = (frame: ToViewerFrame): frame is Named<T> => frame.t === type;
    return this.frames.filter(isNamed).at(-1);
  }

  /** The headless terminal's text. */
  screen(): string {
    return this.#screen.text();
  }

  toString(): string {
    const tail = this.frames.slice(-5).map((frame) => JSON.stringify(frame).slice(0, 200));
    return `cursor ${JSON.stringify(this.cursor)}, ${this.outputBytes} bytes in ${this.outputFrames} frames, ${this.redials} redials, closes ${JSON.stringify(this.closes)}, last frames ${tail.join(" ")}`;
  }

  // ---- waiting ------------------------------------------------------------------------------

  /** A whole screen or an unbroken stream is there. */
  ready(timeoutMs = PATIENCE_MS): Promise<true> {
    return this.when("ready", () => this.#stream.whole !== undefined, timeoutMs);
  }

  when(what: string, holds: (viewer: Viewer) => boolean, timeoutMs = PATIENCE_MS): Promise<true> {
    return until(`viewer: ${what}`, this.#changed.changes, () => (holds(this) ? true : undefined), {
      timeoutMs,
      detail: () => this.toString(),
    });
  }

  /** The first control frame of this type, received already or to come, that matches. */
  frame<T extends ToViewerFrame["t"]>(
    type: T,
    matches: (frame: Named<T>) => boolean = () => true,
    timeoutMs = PATIENCE_MS,
  ): Promise<Named<T>> {
    const isNamed = (frame: ToViewerFrame): frame is Named<T> => frame.t === type;
    return until(`viewer: frame '${type}'`, this.#changed.changes, () => this.frames.filter(isNamed).find(matches), {
      timeoutMs,
      detail: () => this.toString(),
    });
  }

  screenShows(wanted: string | RegExp, timeoutMs = PATIENCE_MS): Promise<string> {
    const seen = () => {
      const text = this.screen();
      return (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)) ? text : undefined;
    };
    return until(`viewer: screen showing ${String(wanted)}`, this.#changed.changes, seen, {
      timeoutMs,
      detail: () => `${this.toString()}\n${this.screen()}`,
    });
  }

  /** From the next byte on; ends by itself after `limit` bytes. */
  capture(limit = Infinity): Capture {
    return this.#stream.capture(limit);
  }

  /** Sees every new payload as it comes; for latency. Returns how to stop. */
  onOutput(listener: (payload: Uint8Array) => void): () => void {
    return this.#stream.onOutput(listener);
  }

  // ---- what it does -------------------------------------------------------------------------

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
    this.#socket.send(text);
  }

  sendBinary(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  resize(cols: number, rows: number): void {
    this.send({ t: "resize", cols, rows });
  }

  async take(timeoutMs = PATIENCE_MS): Promise<void> {
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
    this.#stream.stall();
    if (how === "socket") this.#socket.pause();
  }

  unstall(): void {
    this.#socket.resume();
    this.#stream.unstall();
  }

  acknowledge(): void {
    this.#stream.acknowledge();
  }

  /** As a cable does: no close frame. */
  cut(): void {
    this.#socket.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.rest();
    await this.#socket[Symbol.asyncDispose]();
  }

  // ---- what it hears ------------------------------------------------------------------------

  #hello(): void {
    const { cols, rows, readOnly, versions = VERSIONS } = this.options;
    const { whole } = this.#stream;
    this.send({
      t: "hello",
      versions,
      ...(cols === undefined ? {} : { cols }),
      ...(rows === undefined ? {} : { rows }),
      ...(readOnly === undefined ? {} : { readOnly }),
      ...(whole === undefined ? {} : { from: whole }),
      ...(this.#resume === undefined ? {} : { resume: this.#resume }),
    });
  }

  #text(text: string): void {
    this.#stream.received += text.length;
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
    if (frame.t === "welcome") this.#resume = frame.resume;
    this.#stream.control(frame);
  }

  #binary(data: Buffer): void {
    this.#stream.received += data.byteLength;
    const decoded = decodeFrame(data);
    if (!decoded.ok) throw new Error(`the relay sent a frame that breaks the contract: ${decoded.error.detail}`);
    if (decoded.value?.kind === "output") this.#stream.output(decoded.value);
    if (decoded.value?.kind === "snapshot") this.#stream.snapshot(decoded.value);
    this.#changed.emit();
  }

  #acknowledge(cursor: Cursor): boolean {
    if (!this.#socket.open) return false;
    this.send({ t: "ack", ...cursor });
    return true;
  }

  #gone(): void {
    this.#stream.rest();
    this.#changed.emit();
  }
}
