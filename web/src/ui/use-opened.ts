/** What a page has opened over itself: at most one thing, which is closed by who it was opened for. */
import { useState } from "react";

export interface Opened<T> {
  what: T;
  /** An answer may call it long after this was closed: what was opened since then, even the same once more, stays. */
  close: () => void;
}

type Change<T> = (now: Opened<T> | undefined) => Opened<T> | undefined;

export function opened<T>(what: T, set: (change: Change<T>) => void): Opened<T> {
  const mine: Opened<T> = { what, close: () => set((now) => (now === mine ? undefined : now)) };
  return mine;
}

export function useOpened<T = true>(): [Opened<T> | undefined, (what: T) => void] {
  const [now, set] = useState<Opened<T>>();
  return [now, (what) => set(opened(what, set))];
}
