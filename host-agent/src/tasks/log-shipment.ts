/** One log on its way to the edge. */
import type { LogCursor } from "./log-cursor.ts";
import type { LogDigest, LogFile } from "./log-file.ts";
import type { GrowthWatch } from "./log-growth.ts";

export interface Shipment {
  readonly attempt: string;
  readonly fence: number;
  readonly file: LogFile;
  readonly growth: GrowthWatch;
  cursor: LogCursor;
  /** `broken`: what was not read yet cannot be; `sealed`: read to its end. */
  state: "open" | "broken" | "sealed" | "dropped";
  /** The child is gone; the log is as long as it was then. */
  ending: { size: number | undefined; done: PromiseWithResolvers<LogDigest> } | undefined;
  /** Nobody needs it but the edge. */
  closing: boolean;
  /** All of it is stored, and that was told. */
  shipped: boolean;
  /** On the present link, once it was opened there. */
  channel: number | undefined;
  watched: boolean;
  /** When it was last read; monotonic. */
  readMs: number;
  /** It will be read in a moment. */
  soon: boolean;
}

/** It may still grow. */
export const isLive = ({ state, ending }: Shipment): boolean => state === "open" && ending === undefined;
