/** The sign of a task's state: each has a shape of its own, so that no colour has to be seen. */
import type { TaskState } from "@maestro/shared/contract/tasks";
import { stateWord } from "../tasks/words.ts";

const RING = "M8 2.4a5.6 5.6 0 1 1 0 11.2A5.6 5.6 0 0 1 8 2.4z";
const MARKS: Record<TaskState, string> = {
  blocked: `${RING}M6.3 6v4M9.7 6v4`,
  queued: RING,
  offered: `${RING}M8 8h.01`,
  running: `${RING}M6.7 5.6v4.8L10.6 8z`,
  cancelling: `${RING}M6 6h4v4H6z`,
  unknown: `${RING}M6.5 6.6a1.6 1.6 0 1 1 2.3 1.5c-.5.3-.8.5-.8 1M8 11h.01`,
  completed: `${RING}M5.4 8.2 7.2 10l3.4-3.8`,
  failed: `${RING}M6 6l4 4M10 6l-4 4`,
  cancelled: `${RING}M5.2 10.8l5.6-5.6`,
  timed_out: `${RING}M8 5v3l2 1.4`,
  lost: `${RING}M8 5v3.4M8 11h.01`,
};

/** @param label what it is the state of, when nothing beside it says so. */
export function StateMark({ state, label }: { state: TaskState; label?: string }) {
  const { label: word, shade } = stateWord(state);
  return (
    <svg
      className={`mark ${shade} ${state}`}
      viewBox="0 0 16 16"
      role="img"
      aria-label={label === undefined ? word : `${label}: ${word}`}
      focusable="false"
    >
      <path d={MARKS[state]} />
    </svg>
  );
}

export function StateTag({ state }: { state: TaskState }) {
  const { label, shade } = stateWord(state);
  return (
    <span className={`tag ${shade}`} data-state={state}>
      {label}
    </span>
  );
}
