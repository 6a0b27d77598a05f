/** A holder as its own process, for tests: `node holder-entry.ts <home> <run dir> [idle ms] [ring bytes] [look every ms]`. */
import { runHolder } from "../main.ts";
import { holderPaths } from "../paths.ts";

const [home = "", runDir = "", idleMs, ringBytes, lookEveryMs] = process.argv.slice(2).filter((argument) => argument !== "holder");
process.exitCode = await runHolder({
  paths: holderPaths(home, runDir),
  ...(idleMs === undefined ? {} : { idleExitMs: Number(idleMs) }),
  ...(ringBytes === undefined ? {} : { ringBytes: Number(ringBytes) }),
  ...(lookEveryMs === undefined ? {} : { lookEveryMs: Number(lookEveryMs) }),
});
process.exit();
