/** What a connection may ask of the holder. */
import type { Result } from "@maestro/shared/result";
import type { HeldSession } from "./held-session.ts";
import type { LaunchRequest } from "./launch.ts";
import type { HeldInfo, HolderFacts, RemoteFace } from "./types.ts";

export interface CreateRequest extends LaunchRequest {
  backend: "auto" | "tmux" | "pty" | "echo";
  shown?: string | undefined;
  remote?: RemoteFace | undefined;
}

export interface HolderCore {
  find(id: string): HeldSession | undefined;
  list(): Promise<HeldInfo[]>;
  create(request: CreateRequest): Promise<Result<HeldInfo>>;
  kill(id: string, force: boolean): Promise<Result<boolean>>;
  forget(id: string): Result<boolean>;
  resize(id: string, cols: number, rows: number): Result<{ cols: number; rows: number }>;
  facts(version: number): HolderFacts;
  stop(force: boolean): Promise<Result<{ stopping: boolean }>>;
  /** For the log; never reaches a client. */
  report(what: string, cause: unknown): void;
}
