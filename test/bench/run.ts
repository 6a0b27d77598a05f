/**
 * `pnpm bench [P1 P5 …] [--rounds n] [--json]`: the gates of performance.md, on the product as shipped. Every figure is
 * a ratio of medians over interleaved rounds of one run. Exit 0 when all asked-for gates pass, 1 when one misses, 2 on usage.
 */
import { parseArgs } from "node:util";
import { build } from "../../scripts/build.ts";
import { judge, MIN_ROUNDS, type Gate, type GateResult } from "./gate.ts";
import { drain } from "./drain.ts";
import { p1 } from "./p01-keystroke.ts";
import { p2 } from "./p02-products.ts";
import { p3 } from "./p03-remote-keystroke.ts";
import { p4 } from "./p04-bulk.ts";
import { p5 } from "./p05-neighbour.ts";
import { p6 } from "./p06-memory.ts";
import { p7 } from "./p07-stalled.ts";
import { p8 } from "./p08-fan-out.ts";
import { p9 } from "./p09-many-sessions.ts";
import { p10 } from "./p10-attach.ts";
import { p11 } from "./p11-start.ts";
import { p12 } from "./p12-first-byte.ts";
import { p13 } from "./p13-queue.ts";
import { p14 } from "./p14-idle.ts";
import { p15 } from "./p15-frames.ts";
import { p16 } from "./p16-cost.ts";
import { p17 } from "./p17-remote.ts";
import { p18 } from "./p18-listing.ts";
import { table } from "./report.ts";
import { Rig } from "./rig.ts";

const GATES: readonly Gate[] = [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16, p17, p18, drain];

interface Plan {
  gates: readonly Gate[];
  rounds: number;
  json: boolean;
}

async function main(argv: readonly string[]): Promise<number> {
  const plan = parse(argv);
  if (typeof plan === "string") {
    process.stderr.write(`${plan}\nUsage: pnpm bench [${GATES.map(({ id }) => id).join(" ")}] [--rounds n] [--json]\n`);
    return 2;
  }
  await build({ force: false, log: say });
  const results: Record<string, GateResult> = {};
  const failures: string[] = [];
  {
    await using rig = new Rig({ rounds: plan.rounds, progress: (line) => say(`  ${line}`) });
    for (const gate of plan.gates) {
      say(`${gate.id} ${gate.title}`);
      const startedMs = performance.now();
      try {
        const result = judge(gate, await gate.run(rig));
        results[gate.id] = result;
        say(
          `${gate.id} ${result.pass ? "pass" : "MISS"}: ratio ${result.ratio}, gate ${result.gate} (${((performance.now() - startedMs) / 1000).toFixed(0)} s)`,
        );
      } catch (error) {
        failures.push(`${gate.id}: ${error instanceof Error ? error.message : String(error)}`);
        say(`${gate.id} could not be measured: ${failures.at(-1)}`);
      }
    }
  }
  process.stdout.write(`${plan.json ? JSON.stringify(results, undefined, 2) : table(results)}\n`);
  for (const failure of failures) process.stderr.write(`not measured: ${failure}\n`);
  return failures.length === 0 && Object.values(results).every(({ pass }) => pass) ? 0 : 1;
}

function parse(argv: readonly string[]): Plan | string {
  try {
    const { values, positionals } = parseArgs({
      args: argv.filter((word) => word !== "--"),
      allowPositionals: true,
      options: { rounds: { type: "string" }, json: { type: "boolean" } },
    });
    const rounds = Number(values.rounds ?? MIN_ROUNDS);
    if (!Number.isInteger(rounds) || rounds < 1) return "--rounds takes a whole number from 1 on.";
    const wanted = positionals.map((word) => word.toUpperCase());
    const unknown = wanted.find((id) => !GATES.some((gate) => gate.id === id));
    if (unknown !== undefined) return `There is no gate ${unknown}.`;
    return { gates: GATES.filter(({ id }) => wanted.length === 0 || wanted.includes(id)), rounds, json: values.json === true };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

// What the run started ends with it, also when somebody loses patience.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
