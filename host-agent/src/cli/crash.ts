/** A bug reaches the user as one line; its stack goes to a file that only they can read. */
import { appendFileSync, mkdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import * as path from "node:path";
import { derivePaths } from "../config/paths.ts";
import type { Io } from "./io.ts";
import type { ServerProblem } from "./render/failure.ts";

export function reportCrash(error: unknown, io: Pick<Io, "env" | "nowMs">): ServerProblem {
  const message = error instanceof Error ? error.message : String(error);
  const file = keepStack(error, io);
  return {
    type: "/problems/internal",
    title: "Internal error",
    status: 500,
    code: "internal",
    detail: `Something is wrong inside maestro: ${message.split("\n")[0]?.slice(0, 200) ?? ""}.`,
    hint: `Please report it${file === undefined ? "" : `, with the last lines of ${file}`}.`,
  };
}

function keepStack(error: unknown, { env, nowMs }: Pick<Io, "env" | "nowMs">): string | undefined {
  try {
    const { logsDir } = derivePaths({ env, userHome: homedir(), uid: process.getuid?.() ?? 0, tmpDir: tmpdir(), scope: "user" });
    const file = path.join(logsDir, "cli.log");
    mkdirSync(logsDir, { recursive: true, mode: 0o700 });
    appendFileSync(
      file,
      `${new Date(nowMs()).toISOString()} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      { mode: 0o600 },
    );
    return file;
  } catch {
    return undefined;
  }
}
