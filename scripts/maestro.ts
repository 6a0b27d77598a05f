/** `pnpm maestro …`: the CLI from the sources, in the directory the user called it from. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const child = spawn(process.execPath, [join(root, "host-agent/src/bin.ts"), ...process.argv.slice(2)], {
  stdio: "inherit",
  cwd: process.env["INIT_CWD"] ?? process.cwd(),
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once("exit", (code) => {
  process.exitCode = code ?? 130;
});
