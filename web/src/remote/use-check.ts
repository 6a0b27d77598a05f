/** One check of a remote host at a time: running, told, refused, or stopped. */
import { useEffect, useRef, useState } from "react";
import type { HostCheck } from "@maestro/shared/contract/remote-hosts";
import { HOST_CHECK_TIMEOUT_MS } from "@maestro/shared/limits";
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";

export type CheckState =
  | { type: "idle" }
  /** `sinceMs`: Unix ms. */
  | { type: "running"; sinceMs: number }
  /** `of`: what was checked, to tell whether it still is the same. */
  | { type: "told"; check: HostCheck; of: string }
  | { type: "refused"; error: ApiError };

export interface Checking {
  state: CheckState;
  run(ask: (signal: AbortSignal) => Promise<Result<HostCheck, ApiError>>, of: string, told?: (check: HostCheck) => void): void;
  stop(): void;
}

/** The server gives up first, and says so. */
const PATIENCE_MS = HOST_CHECK_TIMEOUT_MS + 10_000;

export function useCheck(): Checking {
  const [state, setState] = useState<CheckState>({ type: "idle" });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const stop = (): void => {
    running.current?.abort();
    setState({ type: "idle" });
  };
  const run: Checking["run"] = (ask, of, told) => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    setState({ type: "running", sinceMs: Date.now() });
    void ask(AbortSignal.any([abort.signal, AbortSignal.timeout(PATIENCE_MS)])).then((result) => {
      if (abort.signal.aborted) return;
      setState(result.ok ? { type: "told", check: result.value, of } : { type: "refused", error: result.error });
      if (result.ok) told?.(result.value);
    }); // every refusal is a value
  };
  return { state, run, stop };
}
