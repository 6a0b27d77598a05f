/** Numbers as people read them: how long, how much, how many, what it cost. Pure. */
import type { Load, Usage } from "@maestro/shared/contract/tasks";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `420 ms`, `12 s`, `3 m 05 s`, `2 h 07 m`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return pair(ms, MINUTE, "m", SECOND, "s");
  if (ms < DAY) return pair(ms, HOUR, "h", MINUTE, "m");
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** Of lengths that somebody chose: `30 m`, not `30 m 00 s`. */
export const roundDuration = (ms: number): string =>
  duration(ms)
    .replace(/ 00 [sm]$/, "")
    .replace(/\.0 s$/, " s")
    .replace(/ 0 h$/, "");

const pair = (ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string =>
  `${Math.floor(ms / big)} ${bigUnit} ${String(Math.floor((ms % big) / small)).padStart(2, "0")} ${smallUnit}`;

export function byteCount(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"] as const;
  const at = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 2 ** (10 * at);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[at - 1] ?? "KiB"}`;
}

/** `950`, `12.4k`, `1.2M`. */
export function countShort(n: number): string {
  if (n < 1_000) return String(n);
  const [value, unit] = n < 1_000_000 ? [n / 1_000, "k"] : [n / 1_000_000, "M"];
  return `${value < 100 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)}${unit}`;
}

export const dollars = (usd: number): string => (usd !== 0 && usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`);

export interface Figure {
  name: string;
  value: string;
  /** What the short form leaves out. */
  exact?: string;
}

/** What is known of the cost of an attempt, in the order people ask for it. */
export function usageFigures(usage: Usage | undefined): Figure[] {
  if (usage === undefined) return [];
  const figures: Figure[] = [];
  const add = (name: string, value: number | undefined, show: (value: number) => string, exact?: (value: number) => string): void => {
    if (value !== undefined) figures.push({ name, value: show(value), ...(exact === undefined ? {} : { exact: exact(value) }) });
  };
  const tokens = (n: number): string => `${n.toLocaleString("en-US")} tokens`;
  add("Cost", usage.costUsd, dollars, (usd) => `$${usd}`);
  add("Input", usage.inputTokens, countShort, tokens);
  add("Output", usage.outputTokens, countShort, tokens);
  add("Cache read", usage.cacheReadTokens, countShort, tokens);
  add("Cache write", usage.cacheWriteTokens, countShort, tokens);
  add("Turns", usage.turns, String);
  add("Time", usage.wallMs, duration);
  add("CPU", usage.cpuMs, duration);
  add("Peak memory", usage.peakMemoryBytes, byteCount);
  return figures;
}

/** What it takes of its machine while it runs. */
export const loadFigures = ({ cpu, memoryBytes }: Pick<Load, "cpu" | "memoryBytes">): Figure[] => [
  { name: "CPU now", value: `${(cpu * 100).toFixed(0)} %`, exact: `${cpu.toFixed(2)} processors in use` },
  { name: "Memory now", value: byteCount(memoryBytes), exact: `${memoryBytes.toLocaleString("en-US")} bytes` },
];
