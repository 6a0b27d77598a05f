/**
 * [TK1] [TK2] [TK3] [TK4] Seeded histories of a fleet: hosts that vanish, come back, reboot and lie, frames that are late,
 * twice or lost, a Scheduler that forgets or is away. No task is lost, none runs twice, each ends as it ended.
 */
import { expect, test } from "vitest";
import type { Fault } from "./testing/fuzz-faults.ts";
import { history, type Totals } from "./testing/fuzz-history.ts";
import { Violation } from "./testing/fuzz-program.ts";

const HISTORIES = Number(process.env["FUZZ_SEEDS"] ?? (process.env["MAESTRO_FULL"] === "1" ? 10_000 : 1_000));
const FIRST = Number(process.env["FUZZ_FIRST"] ?? 1);
/** It only computes; a busy machine may take long over it. */
const PATIENCE_MS = 60_000 + HISTORIES * 100;

test(
  "[TK1] [TK2] [TK3] [TK4] whatever happens, every task ends once and as it was",
  () => {
    const total: Totals = { tasks: 0, runs: 0, again: 0, lost: 0, cancelled: 0, wakes: 0, aways: 0, evidence: 0, duplicates: 0 };
    for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
      try {
        const one = history(seed);
        for (const name of Object.keys(total) as (keyof Totals)[]) total[name] += one[name];
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : ""}`, { cause: error });
      }
    }
    // Otherwise it proved nothing.
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(HISTORIES / 20);
  },
  PATIENCE_MS,
);

test.each([
  ["a result that counts whatever its fence", "noFence"],
  ["a start that is done as often as it comes", "noDedupe"],
  ["an attempt that is given up before its lease is over", "noLease"],
  ["a control plane that was away and takes that for silence of hosts", "deaf"],
  ["a start that is not written down", "forgetStart"],
  ["an end that is acknowledged and not stored", "ackEarly"],
] as const satisfies readonly (readonly [string, Fault])[])(
  "[TK1] [TK2] [TK3] the fuzz notices %s",
  (_what, fault) => {
    const noticed = Array.from({ length: 300 }, (_, i) => i + 1).some((seed) => {
      try {
        history(seed, fault);
        return false;
      } catch (error) {
        if (error instanceof Violation) return true;
        throw error;
      }
    });
    expect(noticed).toBe(true);
  },
  PATIENCE_MS,
);
