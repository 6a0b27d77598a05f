/** What an attached terminal is told, whether by the control plane or by the holder beside it. */
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { MaestroFailure } from "@maestro/shared/errors";
import type { ServerRefusal } from "../render/failure.ts";

export type AttachEvent =
  | { type: "connected"; session: SessionInfo; canWrite: boolean; hostAway: boolean }
  /** [CH4] Reset, draw these bytes, then go on at the position. */
  | { type: "screen"; bytes: Uint8Array; epoch: number; offset: number; cols: number; rows: number }
  | { type: "output"; bytes: Uint8Array; epoch: number; offset: number }
  /** [CH5] Bytes that nobody will show; a screen follows. */
  | { type: "gap"; from: number; to: number }
  | { type: "pen"; mine: boolean; writer: string | undefined; viewers: number }
  /** [VW3] The session's size from now on. */
  | { type: "size"; cols: number; rows: number }
  | { type: "host"; away: boolean }
  | { type: "session"; session: SessionInfo }
  | { type: "refused"; code: string; detail: string }
  | { type: "disconnected"; why: string; retryInMs: number }
  /** Nothing more will come. */
  | { type: "over"; failure: MaestroFailure | ServerRefusal | undefined };

export interface AttachLink {
  input(bytes: Uint8Array): void;
  resize(cols: number, rows: number): void;
  take(): void;
  /** Everything before this position is on the user's screen. */
  shown(epoch: number, offset: number): void;
  /** Asks for the screen anew. */
  redraw(): void;
  close(): void;
}
