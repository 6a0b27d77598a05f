/** A `Live` for as long as a page shows it. */
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { useFleetStore } from "../app/fleet-context.tsx";
import { Live, nothingYet, type LiveSource, type LiveView } from "./live.ts";

export interface Used<T> extends LiveView<T> {
  refresh(): void;
  put(value: T): void;
}

/** @param source the same object from render to render, until something else is shown. */
export function useLive<T>(source: LiveSource<T>): Used<T> {
  const store = useFleetStore();
  const [held, setHeld] = useState<{ source: LiveSource<T>; live: Live<T> }>();
  useEffect(() => {
    const live = new Live(source, {
      onNews: store.onNews,
      visible: () => document.visibilityState === "visible",
      onVisible: (listener) => {
        const seen = (): void => void (document.visibilityState === "visible" && listener());
        document.addEventListener("visibilitychange", seen);
        return () => document.removeEventListener("visibilitychange", seen);
      },
    });
    setHeld({ source, live });
    return () => live.dispose();
  }, [source, store]);
  const live = held?.source === source ? held.live : undefined;
  const view = useSyncExternalStore(live?.subscribe ?? nobody, live?.view ?? nothing);
  const refresh = useCallback(() => live?.refreshNow(), [live]);
  const put = useCallback((value: T) => live?.put(value), [live]);
  return { ...view, refresh, put };
}

const nobody = (): (() => void) => () => undefined;
const nothing = (): LiveView<never> => nothingYet;
