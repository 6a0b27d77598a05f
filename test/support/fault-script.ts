/** Which fault strikes at which byte: a pure function of a seed. */
import { seededRandom } from "./random.ts";
import type { Direction } from "./chaos-lane.ts";

export type Fault =
  | { type: "cut"; how: "rst" | "fin" }
  | { type: "silence"; direction: Direction; forMs: number }
  | { type: "latency"; ms: number; forMs: number }
  | { type: "bandwidth"; bytesPerSecond: number; forMs: number };

export interface ScriptOptions {
  /** Faults are placed by bytes delivered in this direction. */
  direction: Direction;
  /** All faults strike within this many bytes. */
  withinBytes: number;
  cuts: number;
  /** Milder faults in between: silence, latency, bandwidth. */
  others?: number;
  /** Bound of how long a milder fault lasts. */
  maxMs?: number;
}

export interface FaultStep {
  /** Bytes delivered since the script began. */
  atBytes: number;
  fault: Fault;
}

export interface FaultScript {
  seed: number;
  steps: readonly FaultStep[];
}

export function faultScript(seed: number, { withinBytes, cuts, others = 0, maxMs = 500 }: ScriptOptions): FaultScript {
  const random = seededRandom(seed);
  const at = () => random.int(1, withinBytes);
  const cut = (): Fault => ({ type: "cut", how: random.pick(["rst", "rst", "fin"]) });
  const mild = (): Fault => {
    const forMs = random.int(20, maxMs);
    switch (random.pick(["silence", "latency", "bandwidth"])) {
      case "silence":
        return { type: "silence", direction: random.pick(["up", "down"]), forMs };
      case "latency":
        return { type: "latency", ms: random.int(1, 80), forMs };
      case "bandwidth":
        return { type: "bandwidth", bytesPerSecond: random.int(256 * 1024, 8 * 1024 * 1024), forMs };
    }
  };
  const steps = [
    ...Array.from({ length: cuts }, () => ({ atBytes: at(), fault: cut() })),
    ...Array.from({ length: others }, () => ({ atBytes: at(), fault: mild() })),
  ];
  return { seed, steps: steps.toSorted((a, b) => a.atBytes - b.atBytes) };
}
