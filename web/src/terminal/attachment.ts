/** One viewer: a socket that comes back, the stream it carries, the emulator that shows it, and what the page says about it. */
import { decodeControl, encodeControl } from "@maestro/shared/protocol/codec";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { ToViewerFrames, type ToViewerFrame, type ViewerFrame } from "@maestro/shared/protocol/viewer";
import { Connection, type ConnectionState } from "../net/connection.ts";
import { ViewStore, type AttachmentView } from "./attachment-view.ts";
import { CLIPBOARD_REFUSALS, clipboardRequest } from "./clipboard-rule.ts";
import { markFace, markStream } from "./element-marks.ts";
import { Emulator, type Size } from "./emulator.ts";
import { isWritable, redialled, seeFrame, whyNoInput } from "./face.ts";
import { ScrollbackAsking } from "./scrollback-asking.ts";
import { SessionDial } from "./session-dial.ts";
import { StreamCarrier } from "./stream-carrier.ts";
import { Typing } from "./typing.ts";
import { WindowFit } from "./window-fit.ts";

export class Attachment {
  readonly emulator: Emulator;
  readonly #host: HTMLElement;
  readonly #connection: Connection;
  readonly #stream: StreamCarrier;
  readonly #typing: Typing;
  readonly #scrollback: ScrollbackAsking;
  readonly #dial: SessionDial;
  readonly #fit: WindowFit;
  readonly #state = new ViewStore();
  #requestId = 0;

  readonly view = this.#state.get;
  readonly subscribe = this.#state.subscribe;
  readonly notify = this.#state.notify;
  readonly dismiss = this.#state.dismiss;

  constructor(session: string, host: HTMLElement, fontPx: number) {
    this.#host = host;
    this.#dial = new SessionDial(session);
    this.emulator = new Emulator(host, fontPx, {
      input: (bytes) => this.type(bytes),
      written: (end) => this.#stream.written(end),
      reachedTop: () => this.#scrollback.more(),
      linkClicked: (uri) => this.#set({ link: uri }),
      clipboardAsked: (data) => this.#clipboardAsked(data),
      resized: () => !this.#view.face.pen.you && this.layout(),
      keyWhileWatching: () => this.#typing.explain(),
    });
    this.#fit = new WindowFit({
      emulator: this.emulator,
      face: () => this.#view.face,
      resize: (size) => this.#send({ t: "resize", ...size }),
    });
    this.#stream = new StreamCarrier({
      send: (frame) => this.#send(frame),
      write: (bytes) => {
        this.emulator.write(bytes);
        if (bytes.type === "screen") this.#scrollback.came(bytes.lines);
      },
      missed: (bytes) => this.#set({ gap: { bytes: (this.#view.gap?.bytes ?? 0) + bytes } }),
      redial: (why) => this.#connection.redial(why),
      changed: (stream) => markStream(host, stream),
    });
    this.#scrollback = new ScrollbackAsking(this.#state, (lines) => this.#stream.isFollowing && this.#send({ t: "history", lines }));
    this.#typing = new Typing({
      whyNot: () => whyNoInput(this.#view.face, this.#connection.state.type === "open"),
      epoch: () => this.#stream.epoch,
      send: (frame) => this.#connection.send(frame),
      notify: (text) => this.notify(text),
    });
    this.#connection = new Connection({
      dial: () => this.#dial.target(),
      opened: () => this.#opened(),
      text: (data) => this.#text(data),
      binary: (data) => this.#stream.binary(data),
      changed: (state) => this.#connectionChanged(state),
    });
  }

  /** Bytes a person meant for the program; refused visibly when they cannot go there. */
  type(bytes: Uint8Array): void {
    this.#typing.push(bytes);
  }

  /** [VW2] */
  take(): void {
    if (!this.#send({ t: "take", id: ++this.#requestId })) this.notify("Not connected: the pen cannot be taken now.");
    this.emulator.focus();
  }

  retry(): void {
    this.#connection.retry();
  }

  /** The window or the letters changed. */
  layout(): void {
    this.#fit.later();
  }

  dispose(): void {
    this.#stream.dispose();
    this.#fit.dispose();
    this.#typing.clear();
    this.#connection.close();
    this.emulator.dispose();
  }

  #opened(): void {
    this.#dial.opened();
    const face = redialled(this.#view.face);
    this.#set({ face });
    const from = this.#stream.reopen();
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
    this.#stream.control(frame);
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
        this.#scrollback.lost();
        this.notify(frame.error.hint === undefined ? frame.error.detail : `${frame.error.detail} ${frame.error.hint}`);
        break;
      case "sync":
      case "taken":
        break;
    }
  }

  #connectionChanged(connection: ConnectionState): void {
    if (connection.type !== "open") {
      this.#typing.clear();
      this.#scrollback.lost();
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

  #clipboardAsked(data: string): void {
    if (!this.#view.face.pen.you) return;
    const request = clipboardRequest(data);
    if (request.type === "offer") this.#set({ clipboard: request });
    else this.notify(CLIPBOARD_REFUSALS[request.type]);
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
