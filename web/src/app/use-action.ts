/** What a button asks for, as its page shows it. */
import { useEffect, useState, useSyncExternalStore } from "react";
import type { ApiError } from "../api/client.ts";
import { Asking } from "./asking.ts";
import { useNotices } from "../ui/notices.ts";
import { stillHere } from "./started.ts";

export interface Action {
  busy: boolean;
  error: ApiError | undefined;
  /** Set while the server wants a fresh sign-in; `again` repeats what was asked. */
  stepUp: { again: () => void; cancel: () => void } | undefined;
  run: Asking["run"];
  clear(): void;
}

/** @param dialogTitle of the dialog that a refusal opens: not over another one, nor over what somebody writes. Absent: its page shows it. */
export function useAction(dialogTitle?: string): Action {
  const notices = useNotices();
  const [asking] = useState(
    () =>
      new Asking({
        asked: () => (dialogTitle === undefined ? () => true : stillHere()),
        tell: (error) => notices.tell(dialogTitle ?? "What you asked for before was refused", error),
      }),
  );
  const state = useSyncExternalStore(asking.subscribe, asking.state);
  useEffect(() => {
    asking.enter();
    return () => asking.leave();
  }, [asking]);
  return {
    busy: state.type === "busy",
    error: state.type === "refused" ? state.error : undefined,
    stepUp: state.type === "step-up" ? { again: state.again, cancel: asking.clear } : undefined,
    run: asking.run,
    clear: asking.clear,
  };
}
