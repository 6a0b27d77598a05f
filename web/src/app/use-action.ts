/** One request at a time behind a button: busy, refused, or in want of a fresh sign-in. */
import { useState } from "react";
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";

export interface Action {
  busy: boolean;
  error: ApiError | undefined;
  /** Set while the server wants a fresh sign-in; `again` repeats what was asked. */
  stepUp: { again: () => void; cancel: () => void } | undefined;
  run<T>(work: () => Promise<Result<T, ApiError>>, done: (value: T) => void): void;
  clear(): void;
}

export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; error: ApiError | undefined; again: (() => void) | undefined }>({
    busy: false,
    error: undefined,
    again: undefined,
  });
  const run = <T>(work: () => Promise<Result<T, ApiError>>, done: (value: T) => void): void => {
    setState({ busy: true, error: undefined, again: undefined });
    void work().then((result) => {
      if (result.ok) {
        setState({ busy: false, error: undefined, again: undefined });
        done(result.value);
      } else if (result.error.code === "step_up_required") setState({ busy: false, error: undefined, again: () => run(work, done) });
      else setState({ busy: false, error: result.error, again: undefined });
    }); // every refusal is a value
  };
  const clear = (): void => setState({ busy: false, error: undefined, again: undefined });
  return {
    busy: state.busy,
    error: state.error,
    stepUp: state.again === undefined ? undefined : { again: state.again, cancel: clear },
    run,
    clear,
  };
}
