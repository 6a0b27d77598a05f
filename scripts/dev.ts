/** `pnpm dev`: the whole product, rebuilt and restarted when its sources change; the console by vite, with hot reload. */
import { spawn, type ChildProcess } from "node:child_process";
import { watch } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Editors write a file more than once. */
const SETTLE_MS = 200;
const log = (line: string): void => void process.stderr.write(`${line}\n`);

await build({ force: false, log });
let server = startServer();
const console_ = spawn(process.execPath, [join(root, "web/node_modules/vite/bin/vite.js")], { cwd: join(root, "web"), stdio: "inherit" });

let settle: NodeJS.Timeout | undefined;
for (const place of ["control-plane/src", "host-agent/src", "shared/src", "migrations"]) {
  watch(join(root, place), { recursive: true }, (_event, file) => {
    if (file?.endsWith(".test.ts") === true) return;
    clearTimeout(settle);
    settle = setTimeout(() => void rebuild(), SETTLE_MS);
  });
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console_.kill();
    server.once("exit", () => process.exit());
    server.kill("SIGTERM");
  });
}

/** A source that does not build leaves the running one as it is. */
async function rebuild(): Promise<void> {
  try {
    await build({ force: false, log });
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    return;
  }
  const old = server;
  await new Promise<void>((resolve) => {
    if (old.exitCode !== null) return resolve();
    old.once("exit", () => resolve());
    old.kill("SIGTERM");
  });
  server = startServer();
}

function startServer(): ChildProcess {
  return spawn(process.execPath, [join(root, "host-agent/dist/bin.js"), "up", "--no-open", ...process.argv.slice(2)], { stdio: "inherit" });
}
