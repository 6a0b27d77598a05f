/** Messages between the holder's main thread and the one worker that parses for all sessions. */
import type { ScreenState } from "./screen-terminal.ts";

/** In order, per worker: a snapshot shows what the writes before it made. */
export type ToScreen =
  | { t: "open"; screen: number; cols: number; rows: number; offset: number }
  | { t: "write"; screen: number; bytes: Uint8Array<ArrayBuffer> }
  | { t: "resize"; screen: number; cols: number; rows: number }
  | { t: "snapshot"; screen: number; id: number; lines: number }
  | { t: "text"; screen: number; id: number }
  | { t: "close"; screen: number };

export type FromScreen =
  | { t: "parsed"; screen: number; offset: number }
  | { t: "title"; screen: number; title: string }
  | { t: "reply"; screen: number; text: string }
  | { t: "state"; id: number; state: ScreenState | undefined };
