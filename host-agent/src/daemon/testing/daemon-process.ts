/** The real host-agent as a process of its own, for tests of what only a process shows. */
import { spawn, type ChildProcess } from "node:child_process";
import { connectHolder } from "../../holder/connect.ts";
import { holderPaths } from "../../holder/paths.ts";
import { whenFile } from "../../holder/testing/file-watch.ts";
import type { Paths } from "../../config/paths.ts";
import { BIN } from "./programs.ts";

export interface DaemonProcess {
  child: ChildProcess;
  /** What it wrote to stderr so far. */
  said(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface DaemonOptions {
  /** argv that runs the command it is given, e.g. in another namespace or with other limits. */
  wrapper?: readonly string[];
  flags?: readonly string[];
  env?: Readonly<Record<string, string>>;
  stdin?: "ignore" | "pipe";
}

export function spawnDaemon(paths: Paths, { wrapper = [], flags = [], env = {}, stdin = "ignore" }: DaemonOptions = {}): DaemonProcess {
  const [file = "", ...args] = [...wrapper, process.execPath, BIN, "host", "run", ...flags];
  const child = spawn(file, args, {
    env: { ...process.env, MAESTRO_HOME: paths.home, ...env },
    stdio: [stdin, "ignore", "pipe"],
  });
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return { child, said: () => text, exited };
}

/** Ends the home's holder and what it holds; for the end of a test. */
export async function stopHolder(paths: Paths): Promise<void> {
  const nothing = () => {};
  const gone = Promise.withResolvers<string>();
  const holder = holderPaths(paths.home, paths.runDir);
  const client = await connectHolder(holder, {
    output: nothing,
    snapshot: nothing,
    gap: nothing,
    epoch: nothing,
    inputRefused: nothing,
    sessions: nothing,
    closed: gone.resolve,
  });
  if (!client.ok) return;
  await client.value.stop(true);
  // It still writes its registry when it has answered; its home goes next.
  await gone.promise;
  await whenFile(holder.lock, (text) => text === undefined);
}
