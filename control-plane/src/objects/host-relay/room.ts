/** One session's viewers: its channel, its pen and its size. */
import { maestroError } from "@maestro/shared/errors";
import type { RelayFrame, WireError } from "@maestro/shared/protocol/link";
import type { SessionInfo, Size } from "@maestro/shared/protocol/session";
import type { ViewerHello } from "@maestro/shared/protocol/viewer";
import { Channel, type ChannelPort } from "../../domain/relay/channel.ts";
import type { Memory } from "../../domain/relay/memory.ts";
import { penAfterHello, penAfterLeave, penAfterLoss, penAfterTake, writerOf, FREE, type Pen } from "../../domain/relay/pen.ts";
import { restoredFrom, savedOf } from "../../domain/relay/saved-stream.ts";
import { sameSize } from "../../domain/relay/size.ts";
import type { Viewer } from "./viewer.ts";

export interface RoomPort {
  nowMs(): number;
  graceMs: number;
  memory: Memory;
  linked(): boolean;
  toHost(frame: RelayFrame): void;
  watch(room: Room, from: { epoch: number; offset: number } | undefined): void;
  loadPen(session: string): Pen | undefined;
  savePen(session: string, pen: Pen): void;
}

export class Room {
  readonly session: string;
  readonly channel: Channel<Viewer>;
  readonly #port: RoomPort;
  /** Those that said hello. */
  readonly #viewers = new Set<Viewer>();
  #pen: Pen;
  /** As the viewers were told last. */
  #size: Size;

  constructor(session: SessionInfo, port: RoomPort) {
    this.session = session.id;
    this.#port = port;
    this.#size = { cols: session.cols, rows: session.rows };
    this.channel = new Channel<Viewer>(this.#channelPort(), port.memory);
    this.#pen = port.loadPen(session.id) ?? FREE;
  }

  get viewers(): ReadonlySet<Viewer> {
    return this.#viewers;
  }

  /** After a wake; `settle` follows once all are here. */
  restore(viewer: Viewer): void {
    this.#viewers.add(viewer);
    const { id, stream, channel } = viewer.at;
    this.channel.restore(viewer, id, restoredFrom(stream ?? { type: "joining", from: undefined }), channel);
  }

  /** The pen's holder may be gone with the process that held its socket. */
  settle(): void {
    const present = new Set([...this.#viewers].map(({ at }) => at.id));
    this.#setPen(penAfterLoss(this.#pen, (id) => present.has(id), this.#port.nowMs(), this.#port.graceMs));
  }

  /** Everything that joining means, after the welcome. */
  join(viewer: Viewer, hello: ViewerHello, session: SessionInfo): void {
    this.#viewers.add(viewer);
    this.settle();
    const { id, resume } = viewer.at;
    this.#setPen(penAfterHello(this.#pen, { id, resume, mayWrite: viewer.mayWrite }, this.#port.nowMs()));
    this.#tellPen();
    this.channel.join(viewer, id, hello.from, this.#port.linked());
    if (this.isWriter(viewer)) this.applySize(viewer, session);
  }

  /** The viewer of the same person that this redial replaces, if its socket still hangs about. */
  predecessor(resume: string, credential: string): Viewer | undefined {
    return [...this.#viewers].find(({ at }) => at.resume === resume && at.credential === credential);
  }

  /** Whether `resume` is known here: of a viewer that is attached, or of the one the pen waits for. */
  knows(resume: string, credential: string): boolean {
    return this.predecessor(resume, credential) !== undefined || (this.#pen.type !== "free" && this.#pen.resume === resume);
  }

  leave(viewer: Viewer, goodbye: boolean): void {
    if (!this.#viewers.delete(viewer)) return;
    this.channel.leave(viewer, goodbye);
    this.#setPen(penAfterLeave(this.#pen, viewer.at.id, goodbye, this.#port.nowMs(), this.#port.graceMs));
    this.#tellPen();
  }

  /** It left while the object slept; the others hear of it now. */
  leftAsleep(viewer: string, goodbye: boolean): void {
    this.#setPen(penAfterLeave(this.#pen, viewer, goodbye, this.#port.nowMs(), this.#port.graceMs));
    this.#tellPen();
  }

  isWriter(viewer: Viewer): boolean {
    return writerOf(this.#pen) === viewer.at.id;
  }

  /** [VW2] Everyone is told. */
  take(viewer: Viewer, id: number, session: SessionInfo): void {
    if (!viewer.mayWrite) return viewer.complain(readOnly(), id);
    this.#setPen(penAfterTake(viewer.at));
    viewer.tell({ t: "taken", id });
    this.#tellPen();
    this.applySize(viewer, session);
  }

  /** [VW3] The writer's size becomes the session's; the user's own tmux sessions keep theirs. */
  applySize(writer: Viewer, session: SessionInfo): void {
    const { size } = writer.at;
    const { number } = this.channel;
    if (size === undefined || session.end !== undefined || session.backend === "user-tmux" || sameSize(size, this.#size)) return;
    // Told again when the channel opens.
    if (number === undefined) return;
    this.#port.toHost({ t: "resize", channel: number, ...size });
    this.#tellSize(size);
  }

  /** The host said something new of the session. */
  updated(session: SessionInfo): void {
    for (const viewer of this.#viewers) viewer.tell({ t: "session", session });
    if (!sameSize(session, this.#size)) this.#tellSize({ cols: session.cols, rows: session.rows });
  }

  /** [CH6] The host did not take what the writer typed; whoever took the pen meanwhile may as well know. */
  inputRefused(error: WireError): void {
    for (const viewer of this.#viewers) if (this.isWriter(viewer)) viewer.tell({ t: "error", error });
  }

  linkDown(): void {
    for (const viewer of this.#viewers) {
      viewer.save({ away: true });
      viewer.tell({ t: "host", connected: false });
    }
  }

  /** [CH6] Whether somebody here waits for `opened`: until then the host would not hear of what is typed. */
  get away(): boolean {
    return [...this.#viewers].some(({ at }) => at.away === true);
  }

  /** The channel is open: what the writer wished meanwhile is done now, and what is typed from here on arrives. */
  opened(session: SessionInfo): void {
    for (const viewer of this.#viewers) if (this.isWriter(viewer)) this.applySize(viewer, session);
    this.tellBack();
  }

  tellBack(): void {
    for (const viewer of this.#viewers) {
      if (viewer.at.away !== true) continue;
      viewer.save({ away: false });
      viewer.tell({ t: "host", connected: true });
    }
  }

  #tellSize(size: Size): void {
    this.#size = size;
    for (const viewer of this.#viewers) viewer.tell({ t: "size", ...size });
  }

  #tellPen(): void {
    const writerId = writerOf(this.#pen);
    const writer = [...this.#viewers].find(({ at }) => at.id === writerId);
    for (const viewer of this.#viewers) {
      viewer.tell({
        t: "pen",
        writer: writer === undefined ? null : { viewer: writer.at.id, name: writer.at.name },
        you: writer === viewer,
        viewers: this.#viewers.size,
      });
    }
  }

  #setPen(pen: Pen): void {
    if (pen === this.#pen) return;
    this.#pen = pen;
    this.#port.savePen(this.session, pen);
  }

  #channelPort(): ChannelPort<Viewer> {
    return {
      watch: (from) => this.#port.watch(this, from),
      toHost: (frame) => this.#port.toHost(frame),
      toViewer: (viewer, frame) => viewer.tell(frame),
      bytes: (viewer, frame) => viewer.bytes(frame),
      moved: (viewer, stream) => viewer.save({ stream: savedOf(stream), channel: this.channel.number }),
    };
  }
}

export const readOnly = () =>
  maestroError("read_only", "This viewer may only watch.", {
    hint: "Attach without --read-only, with a credential that has terminals:write.",
  });
