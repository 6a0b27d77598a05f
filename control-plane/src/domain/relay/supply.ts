/** What each viewer of a channel lacks is asked of the host, as far as there is room for it: a screen, a stretch, scrollback. */
import { SNAPSHOT_MAX_BYTES } from "@maestro/shared/limits";
import type { ChannelLink } from "./channel-link.ts";
import type { ChannelViewers } from "./channel-viewers.ts";
import type { Memory } from "./memory.ts";
import { replayDue } from "./stream.ts";

export class Supply<V extends object> {
  readonly #viewers: ChannelViewers<V>;
  readonly #link: ChannelLink;
  readonly #memory: Memory;

  constructor(viewers: ChannelViewers<V>, link: ChannelLink, memory: Memory) {
    this.#viewers = viewers;
    this.#link = link;
    this.#memory = memory;
  }

  /** @param live the next byte the host will send. */
  serve(viewer: V, live: number): void {
    const entry = this.#viewers.get(viewer);
    if (entry?.stream.type === "awaiting") this.#link.want();
    else if (entry?.stream.type === "following") {
      this.catchUp(viewer, live);
      this.#askHistory(viewer);
    }
  }

  catchUp(viewer: V, live: number): void {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined || !this.#link.synced) return;
    const due = replayDue(entry.stream, live, this.#memory.room);
    if (due === undefined) return;
    if (due === "no-room") return this.#memory.refused();
    this.#viewers.set(viewer, due.next);
    this.#link.need(due.next.epoch, due.from, due.to);
  }

  /** False: there is no room for it now, and it is not waited for. */
  history(viewer: V, lines: number): boolean {
    const entry = this.#viewers.get(viewer);
    if (entry === undefined || entry.asked) return true;
    const fits = this.#memory.room >= SNAPSHOT_MAX_BYTES;
    entry.history = fits ? lines : undefined;
    if (!fits) this.#memory.refused();
    this.#askHistory(viewer);
    return fits;
  }

  #askHistory(viewer: V): void {
    const entry = this.#viewers.get(viewer);
    if (entry?.history === undefined || entry.asked || entry.stream.type !== "following" || !this.#link.synced) return;
    if (this.#memory.room < SNAPSHOT_MAX_BYTES) return this.#memory.refused();
    entry.asked = true;
    this.#link.wantHistory(entry.id, entry.history);
  }
}
