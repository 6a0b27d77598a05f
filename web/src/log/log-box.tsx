/**
 * The scrolling part: only the lines that can be seen are in the page, so that the length of a log costs nothing. It
 * keeps the end in sight while it is pinned, else the line at the top, whatever comes or goes above it.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { LogLineView } from "./log-line-view.tsx";
import type { LogSearch } from "./log-search.ts";
import type { LogLine } from "./log-line.ts";
import { layOut, lineAt, rowCount, visible } from "./row-layout.ts";

/** The sheet's line height, px. */
export const ROW_PX = 18;
const AROUND_ROWS = 24;
/** Width of the probe: a fraction of a pixel per character adds up. */
const PROBE = "0".repeat(50);

export interface Spot {
  /** Of the line, in the log. */
  offset: number;
  at: number;
}

interface LogBoxProps {
  lines: readonly LogLine[];
  label: string;
  search: LogSearch;
  /** The hit to be seen. */
  spot: Spot | undefined;
  pinned: boolean;
  onPinned: (pinned: boolean) => void;
  onSlash: () => void;
}

export function LogBox({ lines, label, search, spot, pinned, onPinned, onSlash }: LogBoxProps) {
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const { columns, height } = useSize(box, probe);
  const [top, setTop] = useState(0);
  const anchor = useRef<{ offset: number; within: number; top: number }>({ offset: 0, within: 0, top: 0 });
  const sums = useMemo(() => layOut(lines, columns), [lines, columns]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    if (pinned) element.scrollTop = element.scrollHeight;
    else element.scrollTop = (sums[lineOf(lines, anchor.current.offset)] ?? 0) * ROW_PX + anchor.current.within;
    setTop(element.scrollTop);
  }, [lines, sums, pinned, height]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || spot === undefined) return;
    const index = lineOf(lines, spot.offset);
    const row = (sums[index] ?? 0) + Math.floor(spot.at / columns);
    element.scrollTop = row * ROW_PX - element.clientHeight / 2;
    // Only when another hit is stepped to: what comes later must not pull the page back to it.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [spot]);

  const onScroll = (): void => {
    const element = box.current;
    if (element === null) return;
    const now = element.scrollTop;
    const index = lineAt(sums, Math.floor(now / ROW_PX));
    const before = anchor.current.top;
    anchor.current = { offset: lines[index]?.offset ?? 0, within: now - (sums[index] ?? 0) * ROW_PX, top: now };
    if (element.scrollHeight - now - element.clientHeight < ROW_PX) onPinned(true);
    else if (now < before) onPinned(false);
    setTop(now);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "End") onPinned(true);
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    onSlash();
  };

  const { from, to } = visible(sums, Math.floor(top / ROW_PX), Math.ceil(height / ROW_PX), AROUND_ROWS);
  return (
    <div
      className="log-box"
      ref={box}
      role="log"
      aria-live="off"
      aria-label={label}
      tabIndex={0}
      data-testid="log"
      onScroll={onScroll}
      onKeyDown={onKey}
    >
      <span className="log-probe" ref={probe} aria-hidden="true">
        {PROBE}
      </span>
      <div className="log-space" style={{ height: rowCount(sums) * ROW_PX }}>
        <div className="log-lines" style={{ transform: `translateY(${(sums[from] ?? 0) * ROW_PX}px)` }}>
          {lines.slice(from, to).map((line) => (
            <LogLineView
              key={line.offset}
              line={line}
              hits={search.hits(line)}
              length={search.length}
              current={spot?.offset === line.offset ? spot.at : undefined}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** The line that begins there, or the last one before it. */
export function lineOf(lines: readonly LogLine[], offset: number): number {
  let low = 0;
  let high = Math.max(0, lines.length - 1);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lines[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function useSize(box: RefObject<HTMLDivElement | null>, probe: RefObject<HTMLSpanElement | null>): { columns: number; height: number } {
  const [size, setSize] = useState({ columns: 100, height: 400 });
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = (): void => {
      const style = getComputedStyle(element);
      const width = element.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
      const character = (probe.current?.getBoundingClientRect().width ?? 0) / PROBE.length || 7.5;
      setSize({ columns: Math.max(10, Math.floor((width + 0.5) / character)), height: element.clientHeight });
    };
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    measure();
    return () => watch.disconnect();
  }, [box, probe]);
  return size;
}
