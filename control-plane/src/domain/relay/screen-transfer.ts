/** [CH4] One screen on its way from the host to the viewers that wait for it: announced to each, then passed on in parts. */
import { FLAG, type Frame } from "@maestro/shared/protocol/frame";
import type { SnapshotBegin } from "@maestro/shared/protocol/link";
import type { ToViewerFrame } from "@maestro/shared/protocol/viewer";
import type { ChannelViewers } from "./channel-viewers.ts";
import type { Memory } from "./memory.ts";
import { afterScreen, type Stream } from "./stream.ts";

interface ScreenPort<V> {
  toViewer(viewer: V, frame: ToViewerFrame): void;
  bytes(viewer: V, frame: ArrayBuffer): void;
}

interface Transfer<V> {
  viewers: V[];
  left: number;
  /** Somebody's share did not fit into the memory: another screen now would not either. */
  refused: boolean;
}

export class ScreenTransfer<V extends object> {
  readonly #viewers: ChannelViewers<V>;
  readonly #memory: Memory;
  readonly #port: ScreenPort<V>;
  #transfer: Transfer<V> | undefined;

  constructor(viewers: ChannelViewers<V>, memory: Memory, port: ScreenPort<V>) {
    this.#viewers = viewers;
    this.#memory = memory;
    this.#port = port;
  }

  begin(begin: SnapshotBegin): void {
    const viewers: V[] = [];
    let refused = false;
    for (const [viewer, entry] of this.#viewers.all) {
      if (!wants(entry, begin)) continue;
      if (begin.bytes > this.#memory.room) {
        this.#memory.refused();
        refused = true;
        if (begin.viewer !== undefined) entry.asked = false;
        continue;
      }
      if (begin.viewer !== undefined) {
        entry.history = undefined;
        entry.asked = false;
      }
      this.#announce(viewer, entry.stream, begin);
      viewers.push(viewer);
    }
    this.#transfer = { viewers, left: begin.bytes, refused };
  }

  /** True: that was the last of it. */
  part(frame: Frame, whole: ArrayBuffer): boolean {
    const transfer = this.#transfer;
    if (transfer === undefined) return false;
    for (const viewer of transfer.viewers) if (this.#viewers.get(viewer) !== undefined) this.#port.bytes(viewer, whole);
    transfer.left -= frame.payload.byteLength;
    return transfer.left <= 0 || (frame.flags & FLAG.last) !== 0;
  }

  /** Who got it follows from its offset on. False: somebody was refused it. */
  end(live: number): boolean {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    for (const viewer of transfer?.viewers ?? []) {
      const entry = this.#viewers.get(viewer);
      if (entry !== undefined) this.#viewers.set(viewer, afterScreen(entry.stream, live));
    }
    return transfer?.refused !== true;
  }

  /** The rest will not come: who waits for it needs another. */
  abort(): void {
    for (const viewer of this.#transfer?.viewers ?? []) {
      if (this.#viewers.get(viewer)?.stream.type === "receiving") this.#viewers.set(viewer, { type: "awaiting", missing: undefined });
    }
    this.#transfer = undefined;
  }

  #announce(viewer: V, stream: Stream, { epoch, offset, bytes, cols, rows, lines }: SnapshotBegin): void {
    const missing = stream.type === "awaiting" ? stream.missing : undefined;
    if (missing !== undefined && missing.epoch === epoch && missing.offset < offset) {
      this.#port.toViewer(viewer, { t: "gap", epoch, from: missing.offset, to: offset });
    }
    this.#port.toViewer(viewer, { t: "snapshot", epoch, offset, bytes, cols, rows, lines });
    this.#viewers.set(viewer, { type: "receiving", epoch, offset, bytes });
  }
}

function wants({ id, stream }: { id: string; stream: Stream }, begin: SnapshotBegin): boolean {
  if (begin.viewer === undefined) return stream.type === "awaiting";
  return begin.viewer === id && stream.type !== "joining";
}
