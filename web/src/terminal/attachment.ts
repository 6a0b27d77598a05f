/** One viewer: a socket that comes back, the stream it carries, the emulator that shows it, and what the page says about it. */
import { MAX_INPUT_BYTES_PER_FRAME, VIEWER_IDLE_ACK_MS } from "@maestro/shared/limits";
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { decodeFrame, encodeFrame } from "@maestro/shared/protocol/frame";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { ToViewerFrames, type ToViewerFrame, type ViewerFrame } from "@maestro/shared/protocol/viewer";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Result } from "@maestro/shared/result";
import { call, type ApiError } from "../api/client.ts";
import { sessionTarget, type SocketTarget } from "../api/socket-target.ts";
import { Connection, type ConnectionState } from "../net/connection.ts";
import { neverHeard, type Liveness } from "../net/liveness.ts";
import { clipboardRequest, type ClipboardRequest } from "./clipboard-rule.ts";
import { Emulator, type Size } from "./emulator.ts";
import { emptyFace, seeFrame, whyNoInput, type Face } from "./face.ts";
import { InputPacer } from "./input-pacer.ts";
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

export interface AttachmentView {
  connection: ConnectionState;
  liveness: Readonly<Liveness>;
  face: Face;
  /** A short word beside the terminal; a newer one replaces it. */
  notice: { text: string; serial: number } | undefined;
  /** [VW2] Who has the pen that was ours; stays until it is ours again, or dismissed. */
  takenBy: string | undefined;
  /** [CH5] Output that was not shown; stays until dismissed. */
  gap: { bytes: number } | undefined;
  history: "more" | "loading" | "whole";
  link: string | undefined;
  clipboard: Extract<ClipboardRequest, { type: "offer" }> | undefined;
}

const HISTORY_STEPS = [1_000, 10_000, 50_000] as const;
const RESIZE_SETTLE_MS = 80;

export class Attachment {
  readonly emulator: Emulator;
  readonly #host: HTMLElement;
  readonly #connection: Connection;
  readonly #pacer: InputPacer;
  readonly #listeners = new Set<() => void>();
  #stream: Stream = emptyStream;
  #view: AttachmentView;
  #requestId = 0;
  /** Dials since a socket was open. */
  #unopened = 0;
  #noticeSerial = 0;
  #historyStep = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #resizeTimer: ReturnType<typeof setTimeout> | undefined;
  /** The size last said on this socket. */
  #said: Size | undefined;

  constructor(session: string, host: HTMLElement, fontPx: number) {
    this.#host = host;
    this.#view = {
      connection: { type: "connecting", attempt: 0 },
      liveness: neverHeard,
      face: emptyFace,
      notice: undefined,
      takenBy: undefined,
      gap: undefined,
      history: "more",
      link: undefined,
      clipboard: undefined,
    };
    this.emulator = new Emulator(host, fontPx, {
      input: (bytes) => this.type(bytes),
      written: (end) => this.#apply(onWritten(this.#stream, end)),
      reachedTop: () => this.#askHistory(),
      linkClicked: (uri) => this.#set({ link: uri }),
      clipboardAsked: (data) => this.#clipboardAsked(data),
      resized: () => !this.#view.face.pen.you && this.layout(),
      keyWhileWatching: () => this.#explainNoInput(),
    });
    this.#pacer = new InputPacer(
      (bytes) => this.#sendInput(bytes),
      () => this.#explainNoInput(),
    );
    this.#connection = new Connection({
      dial: () => this.#dial(session),
      opened: () => this.#opened(),
      text: (data) => this.#text(data),
      binary: (data) => this.#binary(data),
      changed: (state) => this.#connectionChanged(state),
    });
  }

  readonly view = (): AttachmentView => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

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
    clearTimeout(this.#resizeTimer);
    this.#resizeTimer = setTimeout(() => this.#fitNow(), RESIZE_SETTLE_MS);
  }

  dispose(): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#resizeTimer);
    this.#pacer.clear();
    this.#connection.close();
    this.emulator.dispose();
  }

  /** An upgrade that was refused says nothing in a browser: before the next try the reason is asked for. */
  async #dial(session: string): Promise<Result<SocketTarget, ApiError>> {
    if (this.#unopened++ > 0) {
      const known = await call(ROUTES.session, { id: session });
      if (!known.ok) return known;
    }
    return sessionTarget(session);
  }

  #opened(): void {
    this.#unopened = 0;
    const { face } = this.#view;
    this.#stream = reopened(this.#stream);
    const from = resumeFrom(this.#stream);
    const room = this.emulator.roomFor();
    this.#said = room;
    this.#send({
      t: "hello",
      versions: VERSIONS,
      ...room,
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
        this.#writable();
        break;
      case "error":
        this.#refused(frame.error.detail, frame.error.hint);
        break;
      case "snapshot":
      case "resumed":
      case "gap":
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
    this.#publish();
    if (hasUnacknowledged(this.#stream) && this.#idleTimer === undefined) {
      this.#idleTimer = setTimeout(() => {
        this.#idleTimer = undefined;
        this.#apply(onIdle(this.#stream));
      }, VIEWER_IDLE_ACK_MS);
    }
  }

  /** Positions only, for tests and for a curious eye in the inspector. */
  #publish(): void {
    const { cursor, written, phase } = this.#stream;
    const { dataset } = this.#host;
    dataset["phase"] = phase.type;
    dataset["epoch"] = String(cursor?.epoch ?? "");
    dataset["offset"] = String(cursor?.offset ?? "");
    dataset["written"] = String(written?.offset ?? "");
  }

  #connectionChanged(connection: ConnectionState): void {
    if (connection.type !== "open") {
      this.#pacer.clear();
      if (this.#view.history === "loading") this.#set({ history: "more" });
    }
    // Screen, size and pen stay as they were last said: the relay tells what has changed when it is back.
    this.#set({ connection, liveness: { ...this.#connection?.liveness } });
    this.#writable();
  }

  #penMoved(wasWriter: boolean): void {
    const { pen } = this.#view.face;
    this.#writable();
    this.#fitNow();
    if (pen.you) this.#set({ takenBy: undefined });
    else if (wasWriter) this.#set({ takenBy: pen.writer });
  }

  #writable(): void {
    const { face, connection } = this.#view;
    this.emulator.writable = face.pen.you && face.session?.end === undefined && connection.type === "open";
    this.#host.dataset["writer"] = String(face.pen.you);
    this.#host.dataset["connection"] = connection.type;
    // A last screen stays true after its end; a screen that may have changed meanwhile does not.
    const old =
      face.session !== undefined && face.session.end === undefined && (connection.type !== "open" || !(face.host?.connected ?? true));
    this.#host.dataset["old"] = String(old);
  }

  #sizeChanged(size: Size): void {
    if (!this.#view.face.pen.you) this.emulator.write({ type: "resize", ...size });
    this.layout();
  }

  /** [VW3] The writer's window decides; everybody else adapts the letters. */
  #fitNow(): void {
    const { face } = this.#view;
    if (!face.pen.you) return this.emulator.scaleTo();
    const room = this.emulator.roomFor();
    if (room === undefined) return;
    this.emulator.write({ type: "resize", ...room });
    if (this.#said?.cols === room.cols && this.#said.rows === room.rows && face.size?.cols === room.cols && face.size.rows === room.rows)
      return;
    if (this.#send({ t: "resize", ...room })) this.#said = room;
  }

  #askHistory(): void {
    const lines = HISTORY_STEPS[this.#historyStep];
    if (this.#view.history !== "more" || lines === undefined || this.#stream.phase.type !== "following") return;
    if (this.#send({ t: "history", lines })) this.#set({ history: "loading" });
  }

  #screenCame(lines: number): void {
    if (this.#view.history !== "loading") {
      if (lines === 0) this.#historyStep = 0;
      if (lines === 0) this.#set({ history: "more" });
      return;
    }
    const asked = HISTORY_STEPS[this.#historyStep] ?? 0;
    this.#historyStep++;
    this.#set({ history: lines < asked || this.#historyStep >= HISTORY_STEPS.length ? "whole" : "more" });
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
    if (this.#view.history === "loading") this.#set({ history: "more" });
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

  #set(change: Partial<AttachmentView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener();
  }
}
