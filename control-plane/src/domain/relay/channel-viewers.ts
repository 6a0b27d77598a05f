/** [VW4] The viewers of one channel: where each stands in the stream, and what all of them are owed together. */
import type { Cursor } from "@maestro/shared/protocol/cursor";
import type { Memory } from "./memory.ts";
import { owed, type Stream } from "./stream.ts";

interface ChannelViewer {
  id: string;
  stream: Stream;
  /** Lines of scrollback this viewer waits for; kept while the channel opens anew. */
  history: number | undefined;
  /** The host has been asked for them. */
  asked: boolean;
}

export class ChannelViewers<V extends object> {
  readonly #all = new Map<V, ChannelViewer>();
  readonly #memory: Memory;
  readonly #moved: (viewer: V, stream: Stream) => void;

  /** @param moved a viewer's place changed in kind (never called per frame). */
  constructor(memory: Memory, moved: (viewer: V, stream: Stream) => void) {
    this.#memory = memory;
    this.#moved = moved;
  }

  get all(): ReadonlyMap<V, ChannelViewer> {
    return this.#all;
  }

  get(viewer: V): ChannelViewer | undefined {
    return this.#all.get(viewer);
  }

  add(viewer: V, id: string, stream: Stream): void {
    this.#all.set(viewer, { id, stream, history: undefined, asked: false });
  }

  remove(viewer: V): boolean {
    const entry = this.#all.get(viewer);
    if (entry === undefined) return false;
    this.#memory.move(owed(entry.stream), 0);
    return this.#all.delete(viewer);
  }

  /** Nothing happens for a viewer that has left. */
  set(viewer: V, stream: Stream): void {
    const entry = this.#all.get(viewer);
    if (entry === undefined || entry.stream === stream) return;
    const before = entry.stream;
    entry.stream = stream;
    this.#memory.move(owed(before), owed(stream));
    if (before.type !== stream.type) this.#moved(viewer, stream);
  }

  /** What a viewer's place is saved with changed. */
  restate(): void {
    for (const [viewer, { stream }] of this.#all) this.#moved(viewer, stream);
  }

  /** How far the fastest confirmed. */
  acked(epoch: number): number {
    let fastest = 0;
    for (const { stream } of this.#all.values()) {
      if (stream.type === "following" && stream.epoch === epoch) fastest = Math.max(fastest, stream.acked);
    }
    return fastest;
  }

  /** Where a new watch should begin: as far as anybody came, so that the rest is live. */
  furthest(): Cursor | undefined {
    let best: Cursor | undefined;
    for (const { stream } of this.#all.values()) {
      const at =
        stream.type === "following" ? { epoch: stream.epoch, offset: stream.sent } : stream.type === "joining" ? stream.from : undefined;
      if (at !== undefined && (best === undefined || at.epoch > best.epoch || (at.epoch === best.epoch && at.offset > best.offset)))
        best = at;
    }
    return best;
  }
}
