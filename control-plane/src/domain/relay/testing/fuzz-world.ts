/** One channel between a host and its viewers: every message waits until somebody carries it on, and may be lost before. */
import { VIEWER_CREDIT_BYTES } from "@maestro/shared/limits";
import type { Cursor } from "@maestro/shared/protocol/cursor";
import { decodeFrame } from "@maestro/shared/protocol/frame";
import type { RelayFrame } from "@maestro/shared/protocol/link";
import { Channel, type ChannelPort } from "../channel.ts";
import { Memory } from "../memory.ts";
import { restoredFrom, savedOf } from "../saved-stream.ts";
import type { Faults } from "./fuzz-faults.ts";
import { FuzzHost } from "./fuzz-host.ts";
import { Violation } from "./fuzz-program.ts";
import { FuzzViewer } from "./fuzz-viewer.ts";

const ROUNDS_TO_SETTLE = 4_000;

export class FuzzWorld {
  readonly host: FuzzHost;
  readonly viewers: FuzzViewer[] = [];
  readonly #faults: Faults;
  readonly #memory: Memory;
  readonly #gone: FuzzViewer[] = [];
  readonly #port: ChannelPort<FuzzViewer>;
  #channel: Channel<FuzzViewer>;
  #linked = true;
  #outputPasses = false;

  /** @param memoryBytes what the viewers may be owed together. */
  constructor(random: () => number, memoryBytes: number | undefined, faults: Faults) {
    this.host = new FuzzHost(random);
    this.#faults = faults;
    this.#memory = new Memory(memoryBytes);
    this.#port = this.#channelPort();
    this.#channel = new Channel(this.#port, this.#memory);
  }

  get totals(): { taken: number; gaps: number; snapshots: number; beyond: number } {
    const all = [...this.viewers, ...this.#gone];
    return {
      taken: all.reduce((sum, { taken }) => sum + taken, 0),
      gaps: all.reduce((sum, { gaps }) => sum + gaps, 0),
      snapshots: this.host.snapshots,
      beyond: this.host.beyond,
    };
  }

  join(from: Cursor | undefined): void {
    const viewer = new FuzzViewer(`vwr_${this.viewers.length + this.#gone.length}`);
    this.viewers.push(viewer);
    this.#channel.join(viewer, viewer.id, from, this.#linked);
  }

  leave(viewer: FuzzViewer, goodbye: boolean): void {
    this.viewers.splice(this.viewers.indexOf(viewer), 1);
    this.#gone.push(viewer);
    this.#channel.leave(viewer, goodbye);
  }

  history(viewer: FuzzViewer): void {
    this.#channel.history(viewer, 500);
  }

  toHost(): void {
    this.host.queue.shift()?.();
  }

  toRelay(): void {
    const next = this.host.wire.shift();
    if (next === undefined) return;
    if (!(next instanceof Uint8Array)) {
      if (next.channel !== this.#channel.number) return;
      if (next.t === "snapshot") this.#channel.snapshotBegins(next);
      else if (next.t === "gap") this.#channel.gap(next);
      else this.#channel.epochChanged(next.epoch, next.offset);
      return;
    }
    const decoded = decodeFrame(next);
    if (!decoded.ok || decoded.value === undefined) throw new Violation("undecodable");
    if (decoded.value.channel !== this.#channel.number) return;
    if (decoded.value.kind === "output") {
      this.#outputPasses = true;
      this.#channel.output(decoded.value, next.buffer);
      this.#outputPasses = false;
    } else this.#channel.snapshotPart(decoded.value, next.buffer);
  }

  toViewer(viewer: FuzzViewer): void {
    const asked = viewer.receive();
    if (asked && viewer.shown !== undefined) this.#channel.ack(viewer, viewer.shown.epoch, viewer.acked);
  }

  confirm(viewer: FuzzViewer, share: number): void {
    const at = viewer.confirm(share);
    if (at === undefined) return;
    this.#channel.ack(viewer, at.epoch, this.#faults.acked(at.offset, viewer.cursor?.offset ?? 0));
    this.#freed();
  }

  cutLink(): void {
    this.#linked = false;
    this.host.cut();
    this.#channel.lost();
    this.#linked = true;
    this.#channel.open();
  }

  /** Only what is saved survives; both ends restate. */
  wake(): void {
    this.#memory.move(this.#memory.used, 0);
    this.#channel = new Channel(this.#port, this.#memory);
    for (const viewer of this.viewers)
      if (viewer.saved !== undefined) this.#channel.restore(viewer, viewer.id, restoredFrom(viewer.saved), viewer.number);
    this.host.queue.push(() => {
      const { channel, epoch, sent, acked } = this.host;
      if (channel !== undefined && this.#channel.number === channel) this.#channel.synced({ channel, epoch, sent, acked });
      else {
        this.#channel.lost();
        this.#channel.open();
      }
    });
    for (const viewer of this.viewers) viewer.inbox.push({ t: "sync" });
  }

  /** Everything is carried until everybody shows all there is. */
  settle(): void {
    for (let round = 0; round < ROUNDS_TO_SETTLE; round++) {
      this.toHost();
      this.host.pump();
      while (this.host.wire.length > 0) this.toRelay();
      for (const viewer of this.viewers) {
        while (viewer.inbox.length > 0) this.toViewer(viewer);
        this.confirm(viewer, 1);
      }
      this.#freed();
      if (this.#settled) return;
    }
    const { head, sent, acked } = this.host;
    const places = this.viewers.map(
      (viewer) => `${viewer.id} at ${JSON.stringify(viewer.cursor)} ${JSON.stringify(this.#channel.streamOf(viewer))}`,
    );
    throw new Violation(`did not settle: head ${head}, sent ${sent}, acked ${acked}, ${places.join("; ")}`);
  }

  checkMemory(): void {
    const { used } = this.#memory;
    if (used < 0 || used > 8 * (VIEWER_CREDIT_BYTES + 20_000)) throw new Violation(`memory ${used}`);
  }

  get #settled(): boolean {
    const { head, epoch, queue, sent } = this.host;
    return queue.length === 0 && sent === head && this.viewers.every(({ cursor }) => cursor?.offset === head && cursor.epoch === epoch);
  }

  #freed(): void {
    if (this.#memory.takeRetry()) this.#channel.retry();
  }

  #channelPort(): ChannelPort<FuzzViewer> {
    return {
      watch: (from) => {
        if (this.#linked) this.host.queue.push(() => this.#channel.opened(this.host.watch(from)));
      },
      toHost: (frame: RelayFrame) => {
        if (this.#linked && !this.#faults.loses(frame, this.#outputPasses)) this.host.queue.push(() => this.host.handle(frame));
      },
      toViewer: (viewer, frame) => void viewer.inbox.push(this.#faults.toViewer(frame)),
      bytes: (viewer, frame) => {
        const carried = this.#faults.bytes(frame);
        if (carried !== undefined) viewer.inbox.push(carried);
      },
      moved: (viewer, stream) => {
        viewer.saved = savedOf(stream);
        viewer.number = this.#channel.number;
      },
    };
  }
}
