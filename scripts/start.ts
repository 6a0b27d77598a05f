/** `pnpm start …`: builds what changed, then `maestro up …` from the bundle. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.ts";

try {
  await build({ force: false, log: (line) => process.stderr.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`The build failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const child = spawn(process.execPath, [join(root, "host-agent/dist/bin.js"), "up", ...process.argv.slice(2)], { stdio: "inherit" });
// The terminal sends Ctrl-C to the whole group: only the child decides when to end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once("exit", (code) => {
  process.exitCode = code ?? 130;
});
