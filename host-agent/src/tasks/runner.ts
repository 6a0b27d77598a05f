/** Starts the runner: one POSIX sh program, in a session of its own, its orders on standard input. */
import { spawn, type StdioOptions } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { Duplex, type Readable, type Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { writeDurably } from "../daemon/durable-file.ts";
import type { Log } from "../daemon/log.ts";
import { refuseSpawn } from "../holder/spawn-refusal.ts";

export interface Orders {
  attempt: string;
  dir: string;
  bootId: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  timeoutMs: number;
  stopAfterMs: number | undefined;
  graceMs: number;
  logLimitBytes: number;
  limits: Limits;
  ready?: Ready | undefined;
}

/** What was got ready for it. */
export interface Ready {
  /** Cgroups that were made for it; with none, the runner looks where it can make some. */
  groups: readonly string[];
  /** Its files tell of these groups already, and those that it begins with are there. */
  laid: boolean;
}

/** Far more than any honest build, far less than what a machine dies of [F27]. */
export const DEFAULT_PIDS = 4096;

/** Where cgroups allow. */
export interface Limits {
  memoryBytes?: number | undefined;
  pids?: number | undefined;
  cpus?: number | undefined;
}

export interface RunnerProcess {
  pid: number;
  /** Of the child; undefined when none was started: `code` says why. */
  child: Promise<number | undefined>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** What the runner exits with, short of an exit file. */
export const RUNNER_INCOMPLETE = 74;
/** Another runner made `started` before it. */
export const RUNNER_SECOND = 75;

const SHELL = "/bin/sh";
/** Nothing of the daemon's environment: the child's comes with the orders. */
const runnerEnv = (): Record<string, string> => ({
  ...scopeEnv(),
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
});
/** `systemd-run --user` finds its manager by it. */
const scopeEnv = (): Record<string, string> => {
  const dir = process.env["XDG_RUNTIME_DIR"];
  return dir === undefined ? {} : { XDG_RUNTIME_DIR: dir };
};

/** Where the program lies beside this module, in the sources as in the bundle. */
const PROGRAM = new URL("./runner.sh", import.meta.url);

/** A copy by digest: a shell reads its program while it runs it, and an upgrade must not change it under a running one. */
export function installRunner(dir: string, log: Log): string {
  try {
    return copyRunner(dir);
  } catch (cause) {
    // [F25] A directory that takes no writes is no reason to be away.
    log.warn("the runner cannot be copied; it runs from where it is", { cause: cause instanceof Error ? cause.message : String(cause) });
    return fileURLToPath(PROGRAM);
  }
}

/** The program itself. */
export const readRunner = (): string => readFileSync(PROGRAM, "utf8");

function copyRunner(dir: string): string {
  const text = readRunner();
  const file = path.join(dir, `${createHash("sha256").update(text).digest("hex").slice(0, 16)}.sh`);
  if (statSync(file, { throwIfNoEntry: false })?.size !== Buffer.byteLength(text)) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeDurably(file, text);
  }
  return file;
}

/** What the runner says on its standard error, behind the orders without a secret. */
interface Notes {
  append: number;
  /** The runner reads them when its child has ended, its watcher when that has begun. */
  runner: number;
  watcher: number;
}

/** Undefined: the runner begins with its orders then, and is as good. */
function openNotes(program: string): Notes | undefined {
  const file = path.join(path.dirname(program), `notes.${process.pid}.${++notesOpened}`);
  const open: number[] = [];
  try {
    for (const flags of ["ax", "r", "r"]) open.push(openSync(file, flags, 0o600));
    const [append = -1, runner = -1, watcher = -1] = open;
    return { append, runner, watcher };
  } catch {
    for (const fd of open) closeSync(fd);
    return undefined;
  } finally {
    rmSync(file, { force: true });
  }
}
let notesOpened = 0;

/** Of a few failures Node tells by an event, of others by throwing. */
function spawned(file: string, argv: readonly string[], notes: Notes | undefined, fails: (cause: unknown) => void) {
  const stdio: StdioOptions =
    notes === undefined ? ["pipe", "pipe", "ignore"] : ["pipe", "pipe", notes.append, notes.runner, "pipe", notes.watcher];
  try {
    return spawn(file, argv, { cwd: "/", detached: true, env: runnerEnv(), stdio });
  } catch (cause) {
    fails(cause);
    return undefined;
  }
}

/** A shell that has the runner's program and waits for its orders. Until it has all of them it starts nothing. */
export class RunnerShell {
  readonly pid: number | undefined;
  readonly child: Promise<number | undefined>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Why there is none, where there is no pid. */
  readonly failed: Promise<MaestroError>;
  readonly #stdin: Writable | undefined;
  readonly #watcher: Duplex | undefined;
  #notes: Notes | undefined;

  /** @param ahead begins its processes before there are orders, where it can. */
  constructor(program: string, shell: readonly string[] = [SHELL], ahead = false) {
    const [file = SHELL, ...before] = shell;
    this.#notes = ahead ? openNotes(program) : undefined;
    const argv = [...before, program, ...(this.#notes === undefined ? [] : ["ahead", ...shell])];
    const failed = Promise.withResolvers<MaestroError>();
    this.failed = failed.promise;
    const fails = (cause: unknown): void => {
      this.#closeNotes();
      failed.resolve(refuseSpawn({ argv: [file, ...argv], cwd: "/" }, cause));
    };
    const runner = spawned(file, argv, this.#notes, fails);
    this.pid = runner?.pid;
    if (runner === undefined) {
      this.exited = Promise.resolve({ code: null, signal: null });
      this.child = Promise.resolve(undefined);
      return;
    }
    runner.once("error", fails);
    this.exited = new Promise((resolve) => {
      runner.once("exit", (code, signal) => resolve({ code, signal }));
    });
    // [F28] There are no pipes either where no file descriptor was left.
    const { stdin, stdout } = runner;
    if (runner.pid === undefined || stdin === null || stdout === null) {
      this.child = Promise.resolve(undefined);
      return;
    }
    this.#stdin = stdin;
    this.#watcher = socketOf(runner.stdio[4]);
    // Without its watcher it would wait on for orders, and nobody would watch what they begin.
    this.#watcher?.once("close", () => {
      if (this.#notes !== undefined) this.dismiss();
    });
    this.#watcher?.resume();
    this.child = new Promise((resolve) => {
      let said = "";
      stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString("latin1");
        if (said.includes("\n")) resolve(Number(said.split(" ")[0]) || undefined);
      });
      stdout.once("close", () => resolve(undefined));
      void this.exited.then(() => setImmediate(() => resolve(undefined)));
    });
    void this.child.then(() => {
      stdout.destroy();
      this.#watcher?.destroy();
    });
    // Without it, what it has begun must not take orders.
    void this.exited.then(() => this.dismiss());
    // It ended before it had read all: the exit says so.
    for (const pipe of [stdin, this.#watcher]) pipe?.on("error", () => {});
    // It outlives us, and must not keep us.
    runner.unref();
  }

  /** Throws as a full disk does; nothing is started then. */
  give(orders: Orders): void {
    if (this.#notes !== undefined) {
      // Whatever was said before the orders stands in their way.
      ftruncateSync(this.#notes.append);
      writeFileSync(this.#notes.append, orderText({ ...orders, argv: [], env: {} }));
      this.#closeNotes();
    }
    this.#stdin?.end(orderText(orders));
  }

  /** Without `go` it starts nothing, and goes. */
  dismiss(): void {
    this.#closeNotes();
    this.#watcher?.destroy();
    this.#stdin?.destroy();
  }

  #closeNotes(): void {
    const notes = this.#notes;
    this.#notes = undefined;
    if (notes !== undefined) for (const fd of Object.values(notes)) closeSync(fd);
  }
}

const socketOf = (pipe: Writable | Readable | null | undefined): Duplex | undefined => (pipe instanceof Duplex ? pipe : undefined);

/**
 * @param ready what must stand before the child may begin, and what was got ready for it: it is waited for beside the shell,
 *   which takes a while to begin. When it fails, so does this, and nothing was started.
 * @param runner that began before its orders were known.
 */
export async function startRunner(
  program: string,
  orders: Orders,
  shell: readonly string[] = [SHELL],
  ready: (shell: readonly string[]) => Promise<Ready | undefined> = async () => undefined,
  runner?: RunnerShell,
): Promise<Result<RunnerProcess>> {
  const refusal = refuseOrders(orders);
  if (refusal !== undefined) {
    runner?.dismiss();
    return err(refusal);
  }
  const begun = runner ?? new RunnerShell(program, shell);
  const { pid, failed, child, exited } = begun;
  if (pid === undefined) return err(await failed);
  try {
    begun.give({ ...orders, ready: await ready(shell) });
  } catch (cause) {
    begun.dismiss();
    throw cause;
  }
  return ok({ pid, child, exited });
}

/** A shell can keep neither, and an argument with a NUL would end there. */
export function refuseOrders({ argv, env, cwd }: Orders): MaestroError | undefined {
  if (argv.length === 0) return maestroError("spawn_failed", "There is no program to start.", { field: "command" });
  const bad = [...argv, cwd, ...Object.values(env)].some((text) => text.includes("\0"));
  if (bad) return maestroError("nul_byte", "An argument or a variable holds a NUL byte.", { field: "command" });
  const name = Object.keys(env).find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  return name === undefined
    ? undefined
    : maestroError("env_name_invalid", `'${name.slice(0, 64)}' cannot name a variable.`, { field: "env" });
}

export function orderText(orders: Orders): string {
  const { attempt, dir, bootId, argv, env, cwd, timeoutMs, stopAfterMs, graceMs, logLimitBytes, limits, ready } = orders;
  const options: [string, string | number | undefined][] = [
    ["attempt", attempt],
    ["boot", bootId],
    ["timeout", Math.ceil(timeoutMs / 10)],
    ["stop_after", stopAfterMs === undefined ? undefined : Math.ceil(stopAfterMs / 10)],
    ["grace", Math.max(1, Math.ceil(graceMs / 1000))],
    ["log_limit", logLimitBytes],
    ["memory", limits.memoryBytes],
    ["pids", limits.pids],
    ["cpus", limits.cpus === undefined ? undefined : Math.max(1, Math.round(limits.cpus * 100))],
    ["laid", ready?.laid === true ? "yes" : undefined],
    ...(ready?.groups ?? []).map((group): [string, string] => ["group", group]),
  ];
  return [
    ...options.flatMap(([name, value]) => (value === undefined ? [] : [`opt ${name} ${value}`])),
    line("dir", dir),
    line("cwd", cwd),
    ...argv.map((argument) => line("arg", argument)),
    ...Object.entries(env).map(([name, value]) => line("env", `${name}=${value}`)),
    "go",
    "",
  ].join("\n");
}

/** A value of several lines is escaped; all others go as they are. */
function line(what: string, value: string): string {
  return value.includes("\n") ? `${what}% ${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}` : `${what} ${value}`;
}
