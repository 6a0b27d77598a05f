/** One viewer: a socket that comes back, the stream it carries, the emulator that shows it, and what the page says about it. */
import { MAX_INPUT_BYTES_PER_FRAME, VIEWER_IDLE_ACK_MS } from "@maestro/shared/limits";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, encodeFrame } from "@maestro/shared/protocol/frame";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { ToViewerFrames, type ToViewerFrame, type ViewerFrame } from "@maestro/shared/protocol/viewer";
import { Connection, type ConnectionState } from "../net/connection.ts";
import { ViewStore, type AttachmentView } from "./attachment-view.ts";
import { clipboardRequest } from "./clipboard-rule.ts";
import { markFace, markStream } from "./element-marks.ts";
import { Emulator, type Size } from "./emulator.ts";
import { isWritable, redialled, seeFrame, whyNoInput } from "./face.ts";
import { InputPacer } from "./input-pacer.ts";
import { answered, asked, linesToAsk, unanswered } from "./scrollback.ts";
import { SessionDial } from "./session-dial.ts";
import {
  emptyStream,
  hasUnacknowledged,
  onBinary,
  onControl,
  onIdle,
  onWritten,
  reopened,
  resumeFrom,
  type Step,
  type Stream,
} from "./stream.ts";
import { WindowFit } from "./window-fit.ts";

export class Attachment {
  readonly emulator: Emulator;
  readonly #host: HTMLElement;
  readonly #connection: Connection;
  readonly #pacer: InputPacer;
  readonly #dial: SessionDial;
  readonly #fit: WindowFit;
  readonly #state = new ViewStore();
  #stream: Stream = emptyStream;
  #requestId = 0;
  #noticeSerial = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  readonly view = this.#state.get;
  readonly subscribe = this.#state.subscribe;

  constructor(session: string, host: HTMLElement, fontPx: number) {
    this.#host = host;
    this.#dial = new SessionDial(session);
    this.emulator = new Emulator(host, fontPx, {
      input: (bytes) => this.type(bytes),
      written: (end) => this.#apply(onWritten(this.#stream, end)),
      reachedTop: () => this.#askHistory(),
      linkClicked: (uri) => this.#set({ link: uri }),
      clipboardAsked: (data) => this.#clipboardAsked(data),
      resized: () => !this.#view.face.pen.you && this.layout(),
      keyWhileWatching: () => this.#explainNoInput(),
    });
    this.#fit = new WindowFit({
      emulator: this.emulator,
      face: () => this.#view.face,
      resize: (size) => this.#send({ t: "resize", ...size }),
    });
    this.#pacer = new InputPacer(
      (bytes) => this.#sendInput(bytes),
      () => this.#explainNoInput(),
    );
    this.#connection = new Connection({
      dial: () => this.#dial.target(),
      opened: () => this.#opened(),
      text: (data) => this.#text(data),
      binary: (data) => this.#binary(data),
      changed: (state) => this.#connectionChanged(state),
    });
  }

  /** Bytes a person meant for the program; refused visibly when they cannot go there. */
  type(bytes: Uint8Array): void {
    if (whyNoInput(this.#view.face, this.#connection.state.type === "open") !== undefined) return this.#explainNoInput();
    this.#pacer.push(bytes);
  }

  /** [VW2] */
  take(): void {
    if (!this.#send({ t: "take", id: ++this.#requestId })) this.notify("Not connected: the pen cannot be taken now.");
    this.emulator.focus();
  }

  retry(): void {
    this.#connection.retry();
  }

  notify(text: string): void {
    this.#set({ notice: { text, serial: ++this.#noticeSerial } });
  }

  dismiss(what: "notice" | "takenBy" | "gap" | "link" | "clipboard"): void {
    this.#set({ [what]: undefined });
  }

  /** The window or the letters changed. */
  layout(): void {
    this.#fit.later();
  }

  dispose(): void {
    clearTimeout(this.#idleTimer);
    this.#fit.dispose();
    this.#pacer.clear();
    this.#connection.close();
    this.emulator.dispose();
  }

  #opened(): void {
    this.#dial.opened();
    const face = redialled(this.#view.face);
    this.#set({ face });
    this.#stream = reopened(this.#stream);
    const from = resumeFrom(this.#stream);
    this.#send({
      t: "hello",
      versions: VERSIONS,
      ...this.#fit.greet(),
      ...(from === undefined ? {} : { from }),
      ...(face.resume === undefined ? {} : { resume: face.resume }),
    });
  }

  #text(data: string): void {
    const decoded = decodeControl<ToViewerFrame>(data, ToViewerFrames);
    if (!decoded.ok) return this.#connection.redial(decoded.error.detail);
    if (decoded.value.type === "unknown") return; // [VR2]
    const { frame } = decoded.value;
    const before = this.#view.face;
    const face = seeFrame(before, frame);
    if (face !== before) this.#set({ face });
    this.#apply(onControl(this.#stream, frame));
    switch (frame.t) {
      case "pen":
        this.#penMoved(before.pen.you);
        break;
      case "size":
        this.#sizeChanged(frame);
        break;
      case "session":
      case "welcome":
      case "host":
      case "snapshot":
      case "resumed":
      case "gap":
        this.#writable();
        break;
      case "error":
        this.#refused(frame.error.detail, frame.error.hint);
        break;
      case "sync":
      case "taken":
        break;
    }
  }

  #binary(data: Uint8Array): void {
    const frame = decodeFrame(data);
    if (!frame.ok) return this.#connection.redial(frame.error.detail);
    if (frame.value !== undefined) this.#apply(onBinary(this.#stream, frame.value));
  }

  #apply(step: Step): void {
    this.#stream = step.stream;
    for (const effect of step.effects) {
      switch (effect.type) {
        case "send":
          this.#send(effect.frame);
          break;
        case "write":
          this.emulator.write(effect);
          break;
        case "screen":
          this.emulator.write(effect);
          this.#screenCame(effect.lines);
          break;
        case "gap":
          this.#set({ gap: { bytes: (this.#view.gap?.bytes ?? 0) + effect.to - effect.from } });
          break;
        case "redial":
          this.#connection.redial(effect.why);
          break;
      }
    }
    markStream(this.#host, this.#stream);
    if (hasUnacknowledged(this.#stream) && this.#idleTimer === undefined) {
      this.#idleTimer = setTimeout(() => {
        this.#idleTimer = undefined;
        this.#apply(onIdle(this.#stream));
      }, VIEWER_IDLE_ACK_MS);
    }
  }

  #connectionChanged(connection: ConnectionState): void {
    if (connection.type !== "open") {
      this.#pacer.clear();
      this.#scrollbackLost();
    }
    // Screen, size and pen stay as they were last said: the relay tells what has changed when it is back.
    this.#set({ connection, liveness: { ...this.#connection?.liveness } });
    this.#writable();
  }

  #penMoved(wasWriter: boolean): void {
    const { pen } = this.#view.face;
    this.#writable();
    this.#fit.now();
    if (pen.you) this.#set({ takenBy: undefined });
    else if (wasWriter) this.#set({ takenBy: pen.writer });
  }

  #writable(): void {
    const { face, connection } = this.#view;
    this.emulator.writable = isWritable(face, connection.type === "open");
    markFace(this.#host, this.#view);
  }

  #sizeChanged(size: Size): void {
    if (!this.#view.face.pen.you) this.emulator.write({ type: "resize", ...size });
    this.layout();
  }

  #askHistory(): void {
    const { scrollback } = this.#view;
    const lines = linesToAsk(scrollback);
    if (lines === undefined || this.#stream.phase.type !== "following") return;
    if (this.#send({ t: "history", lines })) this.#set({ scrollback: asked(scrollback) });
  }

  #screenCame(lines: number): void {
    const { scrollback } = this.#view;
    const next = answered(scrollback, lines);
    if (next !== scrollback) this.#set({ scrollback: next });
  }

  #scrollbackLost(): void {
    const { scrollback } = this.#view;
    const next = unanswered(scrollback);
    if (next !== scrollback) this.#set({ scrollback: next });
  }

  #clipboardAsked(data: string): void {
    if (!this.#view.face.pen.you) return;
    const request = clipboardRequest(data);
    switch (request.type) {
      case "offer":
        return this.#set({ clipboard: request });
      case "too-large":
        return this.notify("The program wanted to copy more than 64 KiB. Refused.");
      case "refused":
        return this.notify("The program asked for your clipboard. Refused.");
    }
  }

  #explainNoInput(): void {
    this.notify(whyNoInput(this.#view.face, this.#connection.state.type === "open") ?? "Too much at once: the rest was not sent.");
  }

  #refused(detail: string, hint: string | undefined): void {
    this.#scrollbackLost();
    this.notify(hint === undefined ? detail : `${detail} ${hint}`);
  }

  #sendInput(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.byteLength; at += MAX_INPUT_BYTES_PER_FRAME) {
      const payload = bytes.subarray(at, at + MAX_INPUT_BYTES_PER_FRAME);
      if (
        !this.#connection.send(
          encodeFrame({ kind: "input", flags: 0, epoch: this.#stream.cursor?.epoch ?? 0, channel: 0, offset: 0, payload }),
        )
      )
        return false;
    }
    return true;
  }

  #send(frame: ViewerFrame): boolean {
    return this.#connection.send(encodeControl(frame));
  }

  get #view(): AttachmentView {
    return this.#state.get();
  }

  #set(change: Partial<AttachmentView>): void {
    this.#state.set(change);
  }
}
