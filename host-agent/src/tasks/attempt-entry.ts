/** One attempt as this process knows it. */
import { maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import type { AttemptEnd, AttemptSpec, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { errnoOf } from "../daemon/durable-file.ts";
import type { CancelNote, LaunchNote } from "./attempt-files.ts";
import type { Standing } from "./attempt-state.ts";
import type { RunnerOf } from "./live-attempt.ts";

/** One that has begun, wherever it runs, until its end is on disk here. */
export interface Live {
  /** Undefined when the daemon stops before: the next one adopts it. `unbegun`: it never ran, and can be started. */
  end(): Promise<AttemptEnd | "unbegun" | undefined>;
  /** [TK4] Asked again, it goes on as it does. */
  cancel(note: CancelNote): void;
  status(): AttemptStatus;
  /** Once a second. */
  look(): void;
}

export type EntryState =
  | { type: "accepted"; sinceMs: number }
  /** `cancel`, aborted with `note`: before it was begun. */
  | { type: "preparing"; begun: Promise<void>; cancel: AbortController; note?: CancelNote | undefined }
  | { type: "live"; live: Live; launch: LaunchNote }
  | { type: "ended"; end: AttemptEnd; workspace: string | undefined };

export interface Entry {
  attempt: string;
  fence: number;
  spec: AttemptSpec;
  state: EntryState;
}

/** The runner that this process started. */
export interface Own {
  pid: number;
  exited: Promise<unknown>;
}

export function runnerOf(standing: Standing, own: Own | undefined): RunnerOf {
  switch (standing.type) {
    case "running":
      // Another one may have been quicker: one that a daemon before us had given its orders.
      return own?.pid === standing.runner.pid
        ? { type: "own", exited: own.exited, identity: standing.runner }
        : { type: "adopted", identity: standing.runner };
    case "void":
    case "accepted":
    case "starting":
    case "exited":
    case "ended":
      return { type: "gone", why: "runner_died" };
    case "died":
      return { type: "gone", why: standing.why };
  }
}

export const stale = (attempt: string, fence: number): MaestroError =>
  maestroError("stale_fence", `Attempt ${attempt} has fence ${fence} here.`, {
    field: "fence",
    hint: "Whoever has the newer fence decides; ask for the attempts anew.",
  });

export const isNoSpace = (cause: unknown): boolean =>
  (cause instanceof MaestroFailure && cause.error.code === "disk_full") || ["ENOSPC", "EDQUOT"].includes(errnoOf(cause) ?? "");
