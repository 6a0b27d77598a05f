/**
 * The time that a hypervisor gave to others while this machine had work to do: `steal` of /proc/stat. What passes through
 * many processes in a few milliseconds takes up to twice as long under it, what is one process's work hardly longer, so no
 * ratio of the two can take it out.
 */
import { readFileSync } from "node:fs";

export interface MachineTime {
  /** Of all processors, in ticks. */
  total: number;
  stolen: number;
}

/** Of a round whose figures count. */
const MOSTLY_OURS = 0.01;
/** Times as many rounds as were asked for, before the least disturbed of them have to do. */
export const MOST_ROUNDS = 4;

export function machineTime(): MachineTime {
  return parseStat(process.platform === "linux" ? readFileSync("/proc/stat", "utf8") : "");
}

/** Where nothing is told of stolen time, none is. */
export function parseStat(text: string): MachineTime {
  // user nice system idle iowait irq softirq steal; what guests use is part of user and nice.
  const ticks = /^cpu +(.*)$/m.exec(text)?.[1]?.split(" ").slice(0, 8).map(Number) ?? [];
  return { total: ticks.reduce((sum, one) => sum + one, 0), stolen: ticks[7] ?? 0 };
}

export function stolenShare(before: MachineTime, after: MachineTime): number {
  const total = after.total - before.total;
  return total <= 0 ? 0 : (after.stolen - before.stolen) / total;
}

export const mostlyOurs = (share: number): boolean => share <= MOSTLY_OURS;

export interface LeastStolen {
  /** Of one figure per round those that count, in the order of the rounds. */
  of(figures: readonly number[]): number[];
  /** To be told with them. */
  note: string;
}

export function leastStolen(shares: readonly number[], count: number): LeastStolen {
  const kept = shares
    .map((share, round) => ({ share, round }))
    .toSorted((a, b) => a.share - b.share || a.round - b.round)
    .slice(0, count);
  const counts = new Set(kept.map(({ round }) => round));
  const most = Math.max(0, ...kept.map(({ share }) => share));
  return {
    of: (figures) => figures.filter((_, round) => counts.has(round)),
    note: `of ${shares.length} rounds the ${kept.length} least disturbed by the machine's neighbours, who took at most ${(most * 100).toFixed(1)} % of its processors in them`,
  };
}
