/** A home with a holder of its own for one test, and an ear for what it says. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { makeId, type SessionId } from "@maestro/shared/ids";
import type { Result } from "@maestro/shared/result";
import { errnoOf } from "../../daemon/durable-file.ts";
import { HOLDER_ENTRY } from "../../daemon/testing/programs.ts";
import type { HolderClient } from "../client.ts";
import { connectHolder } from "../connect.ts";
import { holderPaths, prepareHolderDirs } from "../paths.ts";
import { readStat } from "../processes.ts";
import type {
  CreateSpec,
  EpochEvent,
  GapEvent,
  HolderEvents,
  HolderPaths,
  InputRefusedEvent,
  OutputEvent,
  SessionsEvent,
  SnapshotEvent,
} from "../types.ts";

/** Less than a test has, so that it is told what did not come. */
const PATIENCE_MS = 25_000;

export interface HolderSettings {
  idleMs?: number;
  ringBytes?: number;
  lookEveryMs?: number;
  env?: Record<string, string>;
  /** Runs it under `ulimit -n`. */
  maxFiles?: number;
}

export class HolderFixture {
  readonly paths: HolderPaths;
  readonly dir: string;
  readonly #clients: HolderClient[] = [];
  #child: ChildProcess | undefined;

  constructor() {
    this.dir = mkdtempSync(path.join(tmpdir(), "mh-"));
    this.paths = holderPaths(path.join(this.dir, "h"), path.join(this.dir, "r"));
    prepareHolderDirs(this.paths);
  }

  get runDir(): string {
    return path.dirname(this.paths.socket);
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Resolves once it listens. */
  async start(settings: HolderSettings = {}): Promise<void> {
    const { idleMs = 60_000, ringBytes = 8 * 1024 * 1024, lookEveryMs = 5_000, env = {}, maxFiles } = settings;
    const argv = [process.execPath, HOLDER_ENTRY, this.paths.home, this.runDir, String(idleMs), String(ringBytes), String(lookEveryMs)];
    const limited = maxFiles === undefined ? argv : ["/bin/sh", "-c", 'ulimit -n "$0"; exec "$@"', String(maxFiles), ...argv];
    const [file = "", ...args] = limited;
    const child = spawn(file, args, {
      detached: true,
      cwd: "/",
      stdio: ["ignore", "pipe", process.env["HOLDER_LOG"] === undefined ? "ignore" : "inherit"],
      env: { ...process.env, TMUX_TMPDIR: this.dir, ...env },
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        if (process.env["HOLDER_LOG"] !== undefined) process.stderr.write(chunk);
        if (chunk.includes("listens on")) resolve();
      });
      child.once("exit", (code, signal) => reject(new Error(`the holder ended: ${code ?? signal ?? "?"}`)));
    });
  }

  async connect(ear: HolderEvents = new Ear()): Promise<HolderClient> {
    const client = value(await connectHolder(this.paths, ear));
    this.#clients.push(client);
    return client;
  }

  /** Resolves once it is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  whenGone(): Promise<number | null> {
    return new Promise((resolve) => this.#child?.once("exit", (code) => resolve(code)));
  }

  async dispose(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.kill("SIGKILL");
    this.#endTmux();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * Asked to end, tmux 3.3a waits for its clients, and a control client whose holder was killed with output on its way
   * never goes: nobody will read it.
   */
  #endTmux(): void {
    const tmux = (...args: string[]): string => spawnSync("tmux", ["-S", this.paths.tmuxSocket, ...args], { encoding: "utf8" }).stdout;
    const pid = Number(tmux("display-message", "-p", "#{pid}"));
    tmux("kill-server");
    if (!(pid > 0) || readStat(pid) === undefined) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch (cause) {
      // It went by itself meanwhile.
      if (errnoOf(cause) !== "ESRCH") throw cause;
    }
  }
}

/** Keeps what a client is told and lets a test wait for it. */
export class Ear implements HolderEvents {
  readonly outputs: OutputEvent[] = [];
  readonly snapshots: SnapshotEvent[] = [];
  readonly gaps: GapEvent[] = [];
  readonly epochs: EpochEvent[] = [];
  readonly changes: SessionsEvent[] = [];
  readonly refusals: InputRefusedEvent[] = [];
  closedBecause: string | undefined;
  /** When false, output is handed to `onOutput` only. */
  keep = true;
  onOutput: (event: OutputEvent) => void = () => undefined;
  readonly #waiting = new Set<{ check: () => boolean; resolve: () => void }>();

  output(event: OutputEvent): void {
    if (this.keep) this.outputs.push(event);
    this.onOutput(event);
    this.#look();
  }

  snapshot(event: SnapshotEvent): void {
    this.snapshots.push(event);
    this.#look();
  }

  gap(event: GapEvent): void {
    this.gaps.push(event);
    this.#look();
  }

  epoch(event: EpochEvent): void {
    this.epochs.push(event);
    this.#look();
  }

  inputRefused(event: InputRefusedEvent): void {
    this.refusals.push(event);
    this.#look();
  }

  sessions(event: SessionsEvent): void {
    this.changes.push(event);
    this.#look();
  }

  closed(reason: string): void {
    this.closedBecause = reason;
    this.#look();
  }

  /** Resolves as soon as `check` holds; looked at whenever something is told. */
  until(check: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(new Error(`waited in vain for ${String(check)}: ${this.#told()}`));
      }, patienceMs);
      const waiting = {
        check,
        resolve: () => {
          clearTimeout(giveUp);
          resolve();
        },
      };
      this.#waiting.add(waiting);
    });
  }

  live(session: string): Buffer {
    return Buffer.concat(this.outputs.filter((event) => event.session === session && !event.replay).map((event) => event.bytes));
  }

  text(session: string): string {
    return this.live(session).toString();
  }

  ended(session: string): Promise<void> {
    return this.until(() => this.changes.some(({ upsert }) => upsert.some((info) => info.id === session && info.end !== undefined)));
  }

  #told(): string {
    const bytes = this.outputs.reduce((sum, event) => sum + event.bytes.byteLength, 0);
    const counts = { bytes, gaps: this.gaps.length, epochs: this.epochs.length, snapshots: this.snapshots.length };
    return JSON.stringify({ ...counts, refusals: this.refusals.length, changes: this.changes.slice(-3), closed: this.closedBecause });
  }

  #look(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.check()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.detail}`);
  return result.value;
}

export const newSessionId = (): SessionId => makeId("session", Date.now(), randomBytes(10));

export function spec(overrides: Partial<CreateSpec> = {}): CreateSpec {
  const id = newSessionId();
  return { id, name: `s-${id.slice(-8)}`, argv: [], env: {}, cols: 80, rows: 24, backend: "pty", ...overrides };
}

export const AMPLE = 2 ** 40;
