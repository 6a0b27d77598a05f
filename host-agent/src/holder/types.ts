/** What the holder and its clients speak about: specs of sessions in, positions and events out. */
import type { MaestroError } from "@maestro/shared/errors";
import type { SessionId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { HeldInfo } from "./protocol.ts";

export type { HeldInfo, SessionInfo };

/** Where one holder keeps its things; all inside a directory of mode 0700. */
export interface HolderPaths {
  home: string;
  /** 0700; socket, lock, log and registry live here. */
  dir: string;
  /** ≤ 100 bytes, so that it fits a sockaddr_un on every system. */
  socket: string;
  tmuxSocket: string;
  lock: string;
  log: string;
  registry: string;
}

export interface CreateSpec {
  id: SessionId;
  name: string;
  /** If that name is taken: this one with the first free number behind it. Without it the refusal is `session_exists`. */
  orNumbered?: string | undefined;
  /** Empty: the user's login shell. */
  argv: readonly string[];
  /** Default: the user's home. */
  cwd?: string;
  /** Added to a scrubbed base; never secrets of the host-agent itself. */
  env: Readonly<Record<string, string>>;
  cols: number;
  rows: number;
  /** `auto`: tmux where it is installed, else pty. */
  backend: "auto" | "tmux" | "pty" | "echo";
  /** Id of the agent whose face this session is. */
  agent?: string;
  /** What is told of its program, where that only leads to another one. */
  shown?: string;
  /** Its program leads to another machine: what is told of it is what runs there. */
  remote?: RemoteFace;
}

export interface RemoteFace {
  /** Id of the remote host. */
  host: string;
  cwd: string;
  command: string;
}

export interface Position {
  epoch: number;
  offset: number;
}

export interface SubscribeOptions {
  /** What the caller has already; honoured when it is of this epoch and still in the ring. */
  from?: Position;
  /** Live bytes past the answered offset that may come before the first `grant`. */
  credit: number;
}

export interface Subscription {
  epoch: number;
  /** The next live byte that will come. */
  offset: number;
  /** `from` was honoured: `offset` equals it and nothing is missing. */
  resumed: boolean;
  session: SessionInfo;
}

export interface ScreenCopy extends Position {
  bytes: Uint8Array;
  cols: number;
  rows: number;
}

/** Output of a subscribed session. Compare with a cursor (`advance`): replay may repeat what was there. */
export interface OutputEvent extends Position {
  session: string;
  replay: boolean;
  /** A view that is valid after the call: nobody writes into it again. */
  bytes: Uint8Array;
  /** Bytes of memory in front of it that are the receiver's as well, for a header of its own; none when absent. */
  room?: number;
}

export interface SnapshotEvent extends Position {
  session: string;
  cols: number;
  rows: number;
  /** Lines of scrollback inside, 0 for the bare screen. */
  lines: number;
  viewer: string | undefined;
  bytes: Uint8Array;
}

export interface GapEvent {
  session: string;
  epoch: number;
  from: number;
  to: number;
}

export interface EpochEvent extends Position {
  session: string;
}

export interface InputRefusedEvent {
  session: string;
  error: MaestroError;
}

export interface SessionsEvent {
  upsert: readonly HeldInfo[];
  removed: readonly string[];
}

/** Calls come in the order of the wire; they must not block. */
export interface HolderEvents {
  output(event: OutputEvent): void;
  snapshot(event: SnapshotEvent): void;
  /** These bytes left the ring before they could be sent; the stream goes on at `to`. */
  gap(event: GapEvent): void;
  /** Numbering restarted: cursors are void, a fresh snapshot is due; live output goes on at `offset`. */
  epoch(event: EpochEvent): void;
  /** [CH6] What was typed there with `input` was not taken. */
  inputRefused(event: InputRefusedEvent): void;
  sessions(event: SessionsEvent): void;
  /** The connection ended; every pending request was answered with an error. Called once. */
  closed(reason: string): void;
}

/** What the holder says of itself when a client connects. */
export interface HolderFacts {
  version: number;
  pid: number;
  /** Random per holder process. */
  instance: string;
  startedMs: number;
  /** `tmux -V`, where it is installed. */
  tmux: string | undefined;
  /** Whether the native PTY module loads here. */
  pty: boolean;
  /** Things that do not work but stop nobody, e.g. a registry file that cannot be written. */
  warnings: readonly HolderWarning[];
}

export interface HolderWarning {
  code: string;
  detail: string;
}
