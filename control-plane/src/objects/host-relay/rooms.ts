/** All viewers of this host, by session and by channel, and what the link means to them. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { MAX_VIEWERS_PER_SESSION, RELAY_MEMORY_BYTES } from "@maestro/shared/limits";
import type { Frame } from "@maestro/shared/protocol/frame";
import type { RelayFrame, SnapshotBegin, WatchResult, WireError } from "@maestro/shared/protocol/link";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { Result } from "@maestro/shared/result";
import { Memory } from "../../domain/relay/memory.ts";
import { penAfterLeave, type Pen } from "../../domain/relay/pen.ts";
import { Shortage } from "../../domain/relay/shortage.ts";
import { owed, type Stream } from "../../domain/relay/stream.ts";
import { Room, type RoomPort } from "./room.ts";
import type { Viewer } from "./viewer.ts";

export interface RoomsPort {
  nowMs(): number;
  scale: number;
  graceMs: number;
  linked(): boolean;
  toHost(frame: RelayFrame): void;
  watch(session: string, from: { epoch: number; offset: number } | undefined, settle: (result: Result<WatchResult>) => void): void;
  /** The host answered for a session that nobody asked about. */
  foreignSession(): void;
  session(id: string): SessionInfo | undefined;
  loadPen(session: string): Pen | undefined;
  savePen(session: string, pen: Pen): void;
  rearm(): void;
}

/** Channels told to close because nobody here knows them; remembered so that each is told once. */
const MAX_STRAY_CHANNELS = 256;

export class Rooms {
  readonly memory = new Memory(RELAY_MEMORY_BYTES, () => this.#ranShort());
  readonly #port: RoomsPort;
  readonly #rooms = new Map<string, Room>();
  readonly #byNumber = new Map<number, Room>();
  readonly #stray = new Set<number>();
  readonly #shortage: Shortage<Viewer>;
  /** [VR2] Data on channels that are not open. */
  #ignored = 0;

  constructor(port: RoomsPort) {
    this.#port = port;
    this.#shortage = new Shortage(port.scale);
  }

  get ignoredFrames(): number {
    return this.#ignored;
  }

  room(session: string): Room | undefined {
    return this.#rooms.get(session);
  }

  *viewers(): Generator<Viewer> {
    for (const room of this.#rooms.values()) yield* room.viewers;
  }

  enter(session: SessionInfo): Room {
    const existing = this.#rooms.get(session.id);
    if (existing !== undefined) return existing;
    const room = new Room(session, this.#roomPort());
    this.#rooms.set(session.id, room);
    return room;
  }

  leave(viewer: Viewer, goodbye: boolean): void {
    const room = this.#rooms.get(viewer.at.session);
    if (room === undefined) return;
    room.leave(viewer, goodbye);
    this.#closeEmpty(room);
    this.afterAck();
  }

  /** [LK4] Its place, its pen and what it watched are free at once: its grace passed while it was silent. */
  endSilent(viewer: Viewer): void {
    viewer.end(maestroError("timeout", "This viewer's pings stopped.", { hint: "Attach again." }));
    this.leave(viewer, true);
  }

  /** A viewer whose closing woke the object: it is in no room any more, but may hold the pen. */
  leftAsleep(session: string, viewer: string, goodbye: boolean): void {
    const room = this.#rooms.get(session);
    if (room !== undefined) return room.leftAsleep(viewer, goodbye);
    const pen = this.#port.loadPen(session);
    if (pen !== undefined) this.#port.savePen(session, penAfterLeave(pen, viewer, goodbye, this.#port.nowMs(), this.#port.graceMs));
  }

  // ---- a wake -------------------------------------------------------------------------------

  restore(viewer: Viewer): void {
    const session = this.#port.session(viewer.at.session);
    if (session === undefined) return viewer.end(sessionGone(viewer.at.session));
    const room = this.enter(session);
    room.restore(viewer);
    const { number } = room.channel;
    if (number !== undefined) this.#byNumber.set(number, room);
  }

  /** [VW4] Both ends restate where they are. */
  settle(): void {
    for (const room of this.#rooms.values()) room.settle();
    for (const viewer of this.viewers()) viewer.tell({ t: "sync" });
    if (!this.#port.linked()) this.#lose();
  }

  // ---- the link -----------------------------------------------------------------------------

  linkUp(): void {
    for (const room of this.#rooms.values()) room.channel.open();
  }

  linkDown(): void {
    this.#lose();
    for (const room of this.#rooms.values()) room.linkDown();
  }

  synced(channels: readonly { channel: number; session: string; epoch: number; sent: number; acked: number }[]): void {
    this.#byNumber.clear();
    this.#stray.clear();
    const seen = new Set<string>();
    for (const at of channels) {
      const room = this.#rooms.get(at.session);
      if (room === undefined) {
        this.#port.toHost({ t: "unwatch", channel: at.channel });
        continue;
      }
      // Of another watch than the one we remember, perhaps unanswered: it is watched anew.
      if (room.channel.number !== at.channel) continue;
      seen.add(at.session);
      this.#byNumber.set(at.channel, room);
      room.channel.synced(at);
      room.tellBack();
    }
    for (const room of this.#rooms.values()) {
      if (seen.has(room.session)) continue;
      room.channel.lost();
      room.channel.open();
    }
  }

  output(frame: Frame, whole: ArrayBuffer): void {
    const room = this.#byNumber.get(frame.channel);
    if (room === undefined) this.#strayData(frame.channel);
    else room.channel.output(frame, whole);
  }

  snapshotPart(frame: Frame, whole: ArrayBuffer): void {
    const room = this.#byNumber.get(frame.channel);
    if (room === undefined) this.#strayData(frame.channel);
    else room.channel.snapshotPart(frame, whole);
  }

  snapshotBegins(begin: SnapshotBegin): void {
    this.#byNumber.get(begin.channel)?.channel.snapshotBegins(begin);
  }

  gap(channel: number, gap: { epoch: number; from: number; to: number }): void {
    this.#byNumber.get(channel)?.channel.gap(gap);
  }

  /** [CH6] */
  inputRefused(channel: number, error: WireError): void {
    this.#byNumber.get(channel)?.inputRefused(error);
  }

  epochChanged(channel: number, epoch: number, offset: number): void {
    this.#byNumber.get(channel)?.channel.epochChanged(epoch, offset);
  }

  sessionUpdated(session: SessionInfo): void {
    this.#rooms.get(session.id)?.updated(session);
  }

  sessionRemoved(id: string): void {
    for (const viewer of [...(this.#rooms.get(id)?.viewers ?? [])]) {
      viewer.end(sessionGone(id));
      this.leave(viewer, true);
    }
    this.#port.savePen(id, { type: "free" });
  }

  /** Room for those who were refused it. */
  afterAck(): void {
    if (this.memory.takeRetry()) for (const room of this.#rooms.values()) room.channel.retry();
  }

  /** When those are ended that confirm nothing, if somebody still waits for room then. */
  stalledDueMs(): number | undefined {
    return this.memory.short ? this.#shortage.dueMs : undefined;
  }

  /** From the alarm: as many as it takes. */
  endStalled(): void {
    this.afterAck();
    for (const viewer of this.#shortage.stalled(this.#port.nowMs(), (at) => this.#streamOf(at))) {
      if (!this.memory.short) return;
      viewer.end(stalledViewer());
      this.leave(viewer, false);
    }
    if (this.memory.short && this.#shortage.dueMs === undefined) this.#ranShort();
  }

  #ranShort(): void {
    const owing = [...this.viewers()].flatMap((viewer) => {
      const stream = this.#streamOf(viewer);
      return stream === undefined ? [] : [[viewer, stream] as const];
    });
    this.#shortage.begins(this.#port.nowMs(), owing);
    // Who is awake answers, though there be nothing new.
    for (const [viewer, stream] of owing) if (owed(stream) > 0) viewer.tell({ t: "sync" });
    this.#port.rearm();
  }

  #streamOf(viewer: Viewer): Stream | undefined {
    return this.#rooms.get(viewer.at.session)?.channel.streamOf(viewer);
  }

  #lose(): void {
    this.#byNumber.clear();
    this.#stray.clear();
    for (const room of this.#rooms.values()) room.channel.lost();
  }

  #strayData(channel: number): void {
    this.#ignored += 1;
    if (this.#stray.has(channel) || this.#stray.size >= MAX_STRAY_CHANNELS) return;
    this.#stray.add(channel);
    this.#port.toHost({ t: "unwatch", channel });
  }

  #watch(room: Room, from: { epoch: number; offset: number } | undefined): void {
    this.#port.watch(room.session, from, (result) => {
      if (!result.ok) return this.#watchRefused(room, result.error);
      if (result.value.session.id !== room.session) return this.#port.foreignSession();
      // Its data overtook this answer, and the host was told to close it.
      if (this.#stray.delete(result.value.channel)) {
        room.channel.refused();
        room.channel.open();
        return this.#closeEmpty(room);
      }
      this.#byNumber.set(result.value.channel, room);
      room.channel.opened(result.value);
      room.opened(result.value.session);
      this.#closeEmpty(room);
    });
  }

  /** Nothing would ask again: viewers come back by themselves, those of a link that went wait for the next one. */
  #watchRefused(room: Room, error: MaestroError): void {
    room.channel.refused();
    for (const viewer of [...room.viewers]) {
      if (!this.#port.linked()) viewer.complain(error);
      else {
        viewer.end(error);
        this.leave(viewer, false);
      }
    }
    this.#closeEmpty(room);
  }

  /** Not while its watch is unanswered: the answer belongs to whoever comes next, and is not asked for twice. */
  #closeEmpty(room: Room): void {
    if (room.viewers.size === 0 && !room.channel.opening) this.#rooms.delete(room.session);
  }

  #roomPort(): RoomPort {
    const port = this.#port;
    return {
      nowMs: () => port.nowMs(),
      graceMs: port.graceMs,
      memory: this.memory,
      linked: () => port.linked(),
      toHost: (frame) => {
        if (frame.t === "unwatch") this.#byNumber.delete(frame.channel);
        port.toHost(frame);
      },
      watch: (room, from) => this.#watch(room, from),
      loadPen: (session) => port.loadPen(session),
      savePen: (session, pen) => port.savePen(session, pen),
    };
  }
}

export const sessionGone = (id: string) => maestroError("session_not_found", `Session ${id} does not exist any more.`);

const stalledViewer = () =>
  maestroError("rate_limited", "This viewer took nothing of what it was sent, while others waited for the memory.", {
    hint: "Attach again.",
  });

export const tooManyViewers = () =>
  maestroError("too_many_viewers", `This session has ${MAX_VIEWERS_PER_SESSION} viewers already.`, {
    hint: "Close one, or try again later.",
  });
