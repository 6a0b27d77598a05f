/** A connection to the holder: what the host-agent and `session attach --local` hold in their hands. */
import type { Result } from "@maestro/shared/result";
import type { CreateSpec, HeldInfo, HolderFacts, Position, ScreenCopy, SubscribeOptions, Subscription } from "./types.ts";

/** One subscription per session and connection; a second `subscribe` replaces the first. */
export interface HolderClient {
  /** As said in the handshake. */
  readonly facts: HolderFacts;
  /** Asks again, for fresh warnings. */
  refreshFacts(): Promise<Result<HolderFacts>>;
  /** Every session, ended ones included; later changes come as `sessions` events. */
  list(): Promise<Result<HeldInfo[]>>;
  create(spec: CreateSpec): Promise<Result<HeldInfo>>;
  /** False when it had ended already. Resolves once the session's processes are gone; `force` gives them no time to end by themselves. */
  kill(session: string, force?: boolean): Promise<Result<boolean>>;
  /** Takes an ended session off the list. */
  forget(session: string): Promise<Result<boolean>>;
  screen(session: string, format: "text" | "ansi"): Promise<Result<ScreenCopy>>;
  /** [CH6] In order, at once, unanswered. False: not sent, because the connection is gone or its buffer full. */
  input(session: string, bytes: Uint8Array): boolean;
  /** The same with an answer: how many bytes were taken, or why none. */
  send(session: string, bytes: Uint8Array): Promise<Result<number>>;
  resize(session: string, cols: number, rows: number): Promise<Result<{ cols: number; rows: number }>>;
  /** `output` events follow the answer, never precede it. */
  subscribe(session: string, options: SubscribeOptions): Promise<Result<Subscription>>;
  /** Absolute credit: live output is sent only below `upTo`. Never goes back. */
  grant(session: string, to: { epoch: number; upTo: number }): void;
  unsubscribe(session: string): void;
  /**
   * A `snapshot` event at offset N, then replayed output from N to the live position. Resolves with N after
   * the event. Needs a subscription.
   */
  snapshot(session: string, want: { lines: number; viewer?: string }): Promise<Result<Position>>;
  /** [CH4] Replayed output `from` ≤ … < `to`, outside the grant; what left the ring is answered by `gap`. */
  need(session: string, span: { epoch: number; from: number; to: number }): void;
  /** [CH5] How long this session's PTY may be held while this connection makes no progress. */
  hold(session: string, ms: number): void;
  /** Ends the holder: refused with `session_exists` while sessions live, unless forced (they are killed). */
  stop(force: boolean): Promise<Result<boolean>>;
  /** Ends this connection only; sessions live on. Idempotent. */
  close(): void;
}

/**
 * Elsewhere: `holderPaths(home)` in paths.ts; `connectHolder` in connect.ts (fails with `not_running`);
 * `ensureHolder(paths, launch, events, signal?)` in spawn.ts starts one when there is none, `launch` being the
 * whole argv (`[process.execPath, entry, "holder", "--home", home]`); `runHolder(options)` in main.ts is that command.
 */
