/** The port behind which a terminal is a tmux pane, a PTY or an echo; one contract holds them all (`testing/terminal-contract.ts`). */
import type { Result } from "@maestro/shared/result";
import type { Backend, SessionEnd } from "@maestro/shared/protocol/session";

/** A program and where it starts, resolved: `argv[0]` is an executable file, `cwd` a directory, `env` whole. */
export interface LaunchPlan {
  id: string;
  name: string;
  argv: readonly [string, ...string[]];
  cwd: string;
  env: Readonly<Record<string, string>>;
  cols: number;
  rows: number;
  createdMs: number;
  agent: string | undefined;
}

/** What a terminal shows when its earlier output is not to be had: bytes for an empty screen of this size. */
export interface Seed {
  bytes: Uint8Array;
  cols: number;
  rows: number;
}

export type TerminalEnd = Omit<SessionEnd, "atMs">;

/** Calls of one terminal come in order; nothing comes after `ended`. */
export interface TerminalEvents {
  /** `bytes` may be reused after the call. */
  output(bytes: Uint8Array): void;
  /** Output may have been lost: numbering restarts with this seed on the screen. */
  restarted(seed: Seed): void;
  resized(cols: number, rows: number): void;
  /** Every byte of output was handed over before. */
  ended(end: TerminalEnd): void;
}

/** A pid is used again; with its start time it is not. */
export interface ProcessName {
  pid: number;
  started: string;
}

export interface Terminal {
  /** [VW2] The backend is a terminal itself and answers its program's queries; viewers' answers come too late. */
  readonly answersQueries: boolean;
  /** Process that dies with the holder, so that one which did not can be found later. */
  readonly leader: ProcessName | undefined;
  /** [CH5] Whether `pause` holds the program; a tmux server is never left unread. */
  readonly pausable: boolean;
  pause(): void;
  resume(): void;
  /** False when the queue towards the program is full: nothing of `bytes` was taken. */
  write(bytes: Uint8Array): boolean;
  resize(cols: number, rows: number): void;
  /** Somebody began or ceased to look; for terminals that stream on demand. */
  watched(by: boolean): void;
  /** Ends every process of the session, politely first or by force at once; resolves after `ended`. */
  kill(force: boolean): Promise<void>;
  /** Where the foreground process is, if it can be told. */
  cwd(): Promise<string | undefined>;
  /** False when output comes only while somebody watches, and nobody does. */
  readonly streaming: boolean;
  /**
   * The screen from the backend itself. `take` is called between two `output`s, so that the seed is exactly
   * what the output before it made; with undefined where the backend keeps no screen, or is gone.
   */
  capture(take: (seed: Seed | undefined) => void): void;
  /** Lets go without ending anything, where the backend outlives the holder; else ends it. */
  release(): void;
}

export interface TerminalBackend {
  readonly kind: Backend;
  start(plan: LaunchPlan, events: TerminalEvents): Promise<Result<Terminal>>;
}
