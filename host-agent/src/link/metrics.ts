/** [LK8] The host's load: sampled, and told when it changed materially, at most every 30 s. */
import { statfs } from "node:fs/promises";
import * as os from "node:os";
import type { Metrics } from "@maestro/shared/protocol/link";

export const METRICS_INTERVAL_MS = 30_000;

export interface CpuTimes {
  busy: number;
  total: number;
}

export function readCpuTimes(): CpuTimes {
  let busy = 0;
  let total = 0;
  for (const { times } of os.cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    total += all;
    busy += all - times.idle;
  }
  return { busy, total };
}

export const cpuShare = (before: CpuTimes, after: CpuTimes): number =>
  after.total > before.total ? clamp((after.busy - before.busy) / (after.total - before.total)) : 0;

export async function sampleMetrics(before: CpuTimes, after: CpuTimes, dir: string): Promise<Metrics> {
  const disk = await statfs(dir).then(
    ({ blocks, bfree }) => (blocks > 0 ? clamp(1 - bfree / blocks) : 0),
    () => 0,
  );
  return {
    cpu: round(cpuShare(before, after)),
    memory: round(clamp(1 - os.freemem() / Math.max(1, os.totalmem()))),
    disk: round(disk),
    load1: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Runnable processes per core below which a machine is idle, whatever its load average still says of the past. */
const IDLE_PER_CORE = 0.7;

/** Small movements are noise: telling them costs a request each at the edge, and wakes the host's relay. */
export function isMaterial(last: Metrics | undefined, now: Metrics, cores = os.availableParallelism()): boolean {
  if (last === undefined) return true;
  const idle = Math.max(last.load1, now.load1) < IDLE_PER_CORE * cores;
  return (
    Math.abs(now.cpu - last.cpu) >= 0.1 ||
    Math.abs(now.memory - last.memory) >= 0.03 ||
    Math.abs(now.disk - last.disk) >= 0.01 ||
    (!idle && Math.abs(now.load1 - last.load1) >= Math.max(0.25 * cores, last.load1 * 0.5))
  );
}

const clamp = (share: number): number => Math.min(1, Math.max(0, share));
const round = (share: number): number => Math.round(share * 1000) / 1000;
