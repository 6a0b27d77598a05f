/** The one program of an installation: calls main and sets the exit code. */
import { MaestroFailure } from "@maestro/shared/errors";
import { main } from "./cli/main.ts";
import { reportCrash } from "./cli/crash.ts";
import type { Io } from "./cli/io.ts";
import { nodeProblem } from "./cli/node-version.ts";
import { asProblem, exitFor, renderProblem } from "./cli/render/failure.ts";

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  nowMs: Date.now,
};

// A reader that went away (`maestro … | head`) is no failure, and there is nobody left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
}
const crash = (error: unknown): never => {
  process.stderr.write(`${renderProblem(reportCrash(error, io), process.argv.includes("--json"))}\n`);
  process.exit(1);
};
// The holder has handlers of its own: people's sessions hang on it, and one bug must not end them all.
if (process.argv[2] !== "holder") {
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}

const tooOld = nodeProblem(process.versions.node);
if (tooOld === undefined) process.exitCode = await main(process.argv.slice(2), io);
else {
  const problem = asProblem(new MaestroFailure(tooOld));
  process.stderr.write(`${renderProblem(problem, process.argv.includes("--json"))}\n`);
  process.exitCode = exitFor(problem);
}
