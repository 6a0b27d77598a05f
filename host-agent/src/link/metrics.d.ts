import type { Metrics } from "@maestro/shared/protocol/link";
export declare const METRICS_INTERVAL_MS = 30000;
export interface CpuTimes {
    busy: number;
    total: number;
}
export declare function readCpuTimes(): CpuTimes;
export declare const cpuShare: (before: CpuTimes, after: CpuTimes) => number;
export declare function sampleMetrics(before: CpuTimes, after: CpuTimes, dir: string): Promise<Metrics>;
/** Small movements are noise: telling them costs a request each at the edge. */
export declare function isMaterial(last: Metrics | undefined, now: Metrics): boolean;
