/** `maestro holder`: composes the holder, brings back what an earlier one left, and ends when nobody needs it. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname, uptime, userInfo } from "node:os";
import { inspect } from "node:util";
import { RING_BYTES } from "@maestro/shared/limits";
import { countBuffersAsHeap } from "../daemon/heap.ts";
import { systemClock, type Clock } from "./clock.ts";
import { EchoBackend } from "./echo-backend.ts";
import { Holder } from "./holder.ts";
import { baseEnv } from "./launch.ts";
import { loadNativePty } from "./native-pty.ts";
import { prepareHolderDirs } from "./paths.ts";
import { acquireLock, releaseLock, thisProcess } from "./process-lock.ts";
import { PtyBackend } from "./pty-backend.ts";
import { loadRegistry, RegistryFile } from "./registry-file.ts";
import { restoreSessions } from "./restore.ts";
import { ScreenHost } from "./screen-host.ts";
import { HolderServer } from "./server.ts";
import { TmuxBackend } from "./tmux-backend.ts";
import { findTmux, ownTmuxServer, userTmuxServer } from "./tmux-server.ts";
import type { HolderPaths } from "./types.ts";
import { noUserSessions, UserTmux, userTmuxSocket } from "./user-tmux.ts";

export interface HolderOptions {
  paths: HolderPaths;
  /** Ends by itself after this long without sessions and clients. */
  idleExitMs?: number;
  /** The user's tmux is looked at this often while somebody is connected. */
  lookEveryMs?: number;
  /** [CH2] Per session. */
  ringBytes?: number;
  /** For the log, one line each. */
  log?: (line: string) => void;
}

const IDLE_EXIT_MS = 60_000;
const LOOK_EVERY_MS = 5_000;
const OOM_SCORE = "-500";

/**
 * Runs until it is idle, stopped or signalled; resolves with the exit code. 0 at once when another holder
 * of this home lives: whoever started this one finds that one.
 */
export async function runHolder(options: HolderOptions): Promise<number> {
  const {
    paths,
    idleExitMs = IDLE_EXIT_MS,
    lookEveryMs = LOOK_EVERY_MS,
    ringBytes = RING_BYTES,
    log = (line) => console.log(line),
  } = options;
  process.umask(0o077);
  prepareHolderDirs(paths);
  const me = thisProcess();
  if (!acquireLock(paths.lock, me)) return 0;
  const clock = systemClock;
  const report = (what: string, cause?: unknown): void =>
    log(`${new Date(clock.now()).toISOString()} ${what}${cause === undefined ? "" : `: ${inspect(cause)}`}`);
  preferToLive();
  countBuffersAsHeap();
  // Sessions of people hang on this process: a bug in one place must not end them all.
  process.on("uncaughtException", (cause) => report("uncaught", cause));
  process.on("unhandledRejection", (cause) => report("unhandled", cause));

  const stopped = Promise.withResolvers<void>();
  const env = scrubbedEnv();
  const tmux = await findTmux(env);
  const pty = loadNativePty();
  const ptyBackend = new PtyBackend();
  const tmuxBackend = tmux === undefined ? undefined : new TmuxBackend(ownTmuxServer(tmux.program, paths.tmuxSocket, env));
  const screens = new ScreenHost((detail) => report(detail));
  const bootId = readBootId();
  const left = loadRegistry(paths.registry);
  const registry = new RegistryFile(paths.registry, { bootId, holder: me }, clock, () => holder.stored());
  const userSocket = userTmuxSocket(process.env, userInfo().uid);
  const users =
    tmux === undefined || !pty.ok
      ? noUserSessions
      : new UserTmux({
          server: userTmuxServer(tmux.program, userSocket, env),
          socket: userSocket,
          pty: ptyBackend,
          env,
          clock,
          // `-E`: without it tmux takes from the session what this client's environment lacks, such as SSH_AUTH_SOCK.
          attachArgv: (id) => [tmux.program, "-u", "-S", userSocket, "attach-session", "-E", "-f", "ignore-size", "-t", id],
        });
  const holder: Holder = new Holder({
    clock,
    screens,
    ringBytes,
    env,
    users,
    registry,
    report,
    backends: [...(tmuxBackend === undefined ? [] : [tmuxBackend]), ...(pty.ok ? [ptyBackend] : []), new EchoBackend()],
    facts: { pid: process.pid, instance: randomBytes(12).toString("hex"), startedMs: clock.now(), tmux: tmux?.version, pty: pty.ok },
    warnings: left.warning === undefined ? [] : [left.warning],
    tell: (event) => server.tell(event),
    // The answer goes out first.
    stopping: () => void setImmediate(() => stopped.resolve()),
  });
  let ending = false;
  const idle = idleExit(
    clock,
    idleExitMs,
    () => !ending && holder.living === 0 && server.connections === 0,
    () => stopped.resolve(),
  );
  const server = new HolderServer(paths.socket, holder, clock, () => idle());
  await restoreSessions({ holder, left, bootId, tmux: tmuxBackend, nowMs: clock.now(), report });
  await server.listen();
  report(`holder ${process.pid} listens on ${paths.socket} of ${hostname()}`);
  idle();
  const looking = setInterval(() => {
    if (server.connections > 0) holder.refresh().catch((cause: unknown) => report("looking failed", cause));
    idle();
  }, lookEveryMs);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopped.resolve());
  process.on("SIGHUP", () => undefined);

  await stopped.promise;
  // A pending idle timer would keep a process alive that has nothing left to do.
  ending = true;
  idle();
  clearInterval(looking);
  // From this turn on: whoever was still let in would be dropped, and one who is refused waits for the next holder.
  const closed = server.close();
  report("holder ends");
  await holder.release();
  await closed;
  await screens.close();
  releaseLock(paths.lock, me);
  return 0;
}

/** Calls `exit` once `quiet` has held for `ms`; the answer is to be called whenever something may have changed. */
function idleExit(clock: Clock, ms: number, quiet: () => boolean, exit: () => void): () => void {
  let cancel: (() => void) | undefined;
  return () => {
    if (!quiet()) {
      cancel?.();
      cancel = undefined;
      return;
    }
    cancel ??= clock.after(ms, () => {
      cancel = undefined;
      if (quiet()) exit();
    });
  };
}

/** What programs get to see of the holder's own environment; TERM and PATH included. */
function scrubbedEnv(): Record<string, string> {
  return baseEnv(process.env);
}

/** When memory runs out, the programs go before what holds their terminals. */
function preferToLive(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", OOM_SCORE);
  } catch {
    // Only root may, and only Linux knows it.
  }
}

/** Changes with every boot: what ran before it runs no more. */
function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return `up-since-${Math.round((Date.now() / 1_000 - uptime()) / 60)}`;
  }
}
