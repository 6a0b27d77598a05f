/** The log of one attempt as the page shows it: a picture of the reader, at most one per frame. */
import { useEffect, useRef, useState } from "react";
import { useFleetStore } from "../app/fleet-context.tsx";
import { LogReader, type LogState } from "./log-reader.ts";
import { openLog } from "./log-source.ts";
import type { LogLine } from "./log-line.ts";

export interface LogPicture {
  lines: readonly LogLine[];
  /** Where the lines begin and end in the log. */
  start: number | undefined;
  end: number;
  state: LogState;
  earlier: LogReader["earlier"];
  canGrow: boolean;
}

export interface UsedLog extends LogPicture {
  loadEarlier(): void;
  retry(): void;
}

const before: LogPicture = { lines: [], start: undefined, end: 0, state: { type: "opening" }, earlier: { type: "ready" }, canGrow: true };

/** @param lives whether the attempt may still write. */
export function useLog(attempt: string, lives: boolean): UsedLog {
  const store = useFleetStore();
  const [picture, setPicture] = useState(before);
  const [reader, setReader] = useState<LogReader>();
  const alive = useRef(lives);
  useEffect(() => {
    alive.current = lives;
  }, [lives]);

  useEffect(() => {
    let frame = 0;
    const show = (): void => {
      frame = 0;
      const { window, state, earlier } = created;
      setPicture({ lines: window.lines(), start: window.start, end: window.end, state, earlier, canGrow: window.canGrow });
    };
    const created: LogReader = new LogReader({
      open: (query, signal) => openLog(attempt, query, signal),
      lives: () => alive.current,
      changed: () => (frame ||= requestAnimationFrame(show)),
      random: Math.random,
    });
    setPicture(before);
    setReader(created);
    // The network was away: a stream that died with it would say nothing.
    const deaf = store.onNews((event) => event === undefined && created.nudge());
    return () => {
      deaf();
      cancelAnimationFrame(frame);
      created.dispose();
    };
  }, [attempt, store]);

  return { ...picture, loadEarlier: () => void reader?.loadEarlier(), retry: () => reader?.nudge() }; // failures are in `earlier`
}
