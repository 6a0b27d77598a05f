/** What of a viewer's place survives hibernation: transitions only, never per-frame figures [VW4]. */
import type { Cursor } from "@maestro/shared/protocol/cursor";
import type { Stream } from "./stream.ts";

export type SavedStream =
  | { type: "joining"; from: Cursor | undefined }
  | { type: "awaiting"; missing: Cursor | undefined }
  | { type: "following"; epoch: number };

/** A screen that was cut in half by an eviction is asked for anew, hence `receiving` is saved as `awaiting`. */
export function savedOf(stream: Stream): SavedStream {
  switch (stream.type) {
    case "joining":
      return { type: "joining", from: stream.from };
    case "awaiting":
      return { type: "awaiting", missing: stream.missing };
    case "receiving":
      return { type: "awaiting", missing: undefined };
    case "resuming":
    case "following":
    case "starved":
      return { type: "following", epoch: stream.epoch };
  }
}

export function restoredFrom(saved: SavedStream): Stream {
  switch (saved.type) {
    case "joining":
    case "awaiting":
      return saved;
    case "following":
      return { type: "resuming", epoch: saved.epoch };
  }
}
