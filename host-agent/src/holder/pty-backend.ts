/** Terminals on PTYs of our own: exact to the last byte, gone with the holder. */
import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import { ReadStream } from "node:tty";
import { err, ok, type Result } from "@maestro/shared/result";
import { maestroError } from "@maestro/shared/errors";
import { errnoOf } from "../daemon/durable-file.ts";
import type { LaunchPlan, ProcessName, Seed, Terminal, TerminalBackend, TerminalEnd, TerminalEvents } from "./backend.ts";
import { loadNativePty, type NativePty, type OpenPty } from "./native-pty.ts";
import { concealFd, exposeFd, spawnShielded } from "./shielded-spawn.ts";
import { SentinelScanner } from "./drain-sentinel.ts";
import { foregroundCwd, readStat, terminateAll } from "./processes.ts";
import { refuseSpawn } from "./spawn-refusal.ts";
import { WriteQueue } from "./write-queue.ts";

/** Longest wait for the sentinel while the reader runs: a stopped terminal (^S) never lets it through. */
const DRAIN_TIMEOUT_MS = 2_000;
const SENTINEL_RETRY_MS = 2;
/** Less than that, and the terminal was empty. */
const FULL_READ_BYTES = 4_000;
const BATCH_BYTES = 64 * 1024;

/** As leader of a new session (`detached`), opening the terminal makes it the controlling one. */
const ATTACH_TO_TTY = 'exec <>"$0" >&0 2>&1; stty iutf8 2>/dev/null; exec "$@"';

export class PtyBackend implements TerminalBackend {
  readonly kind = "pty";

  async start(plan: LaunchPlan, events: TerminalEvents): Promise<Result<Terminal>> {
    const native = loadNativePty();
    if (!native.ok) return native;
    let opened: OpenPty;
    try {
      opened = native.value.open(plan.cols, plan.rows);
    } catch (cause) {
      return err(
        maestroError("descriptors_exhausted", `No PTY could be opened: ${messageOf(cause)}.`, {
          hint: "End some sessions, or raise `ulimit -n` and the system's limit of PTYs.",
        }),
      );
    }
    exposeFd(opened.master);
    exposeFd(opened.slave);
    let slave: number | undefined;
    try {
      // The native slave has no close-on-exec; one opened by path has, and is the one to keep.
      slave = openSync(opened.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      const child = spawnShielded(
        "/bin/sh",
        ["-c", ATTACH_TO_TTY, opened.path, ...plan.argv],
        { cwd: plan.cwd, env: { ...plan.env }, detached: true },
        ["ignore", "ignore", "ignore"],
      );
      await spawned(child);
      return ok(new PtyTerminal(native.value, opened.master, slave, child, events));
    } catch (cause) {
      if (slave !== undefined) closeSync(slave);
      closeSync(opened.master);
      concealFd(opened.master);
      return err(refuseSpawn(plan, cause));
    } finally {
      closeSync(opened.slave);
      concealFd(opened.slave);
    }
  }
}

/** One for all: what a read brought is in the ring before that read returns, and nobody keeps it. */
const scratch = Buffer.allocUnsafeSlow(BATCH_BYTES);

type Phase =
  | { type: "running" }
  /** The program exited; its tail is being read. */
  | { type: "draining"; end: TerminalEnd; scanner: SentinelScanner; timer: NodeJS.Timeout | undefined }
  | { type: "ended" };

class PtyTerminal implements Terminal {
  readonly pausable = true;
  readonly answersQueries = false;
  readonly leader: ProcessName;
  readonly streaming = true;
  readonly #native: NativePty;
  readonly #master: number;
  readonly #slave: number;
  readonly #pid: number;
  readonly #stream: ReadStream;
  readonly #events: TerminalEvents;
  readonly #input: WriteQueue;
  readonly #whenEnded = Promise.withResolvers<void>();
  #phase: Phase = { type: "running" };
  #paused = false;
  #killing = false;

  constructor(native: NativePty, master: number, slave: number, child: ChildProcess, events: TerminalEvents) {
    this.#native = native;
    this.#master = master;
    this.#slave = slave;
    this.#pid = child.pid ?? -1;
    this.leader = { pid: this.#pid, started: readStat(this.#pid)?.started ?? "" };
    this.#events = events;
    this.#input = new WriteQueue(
      (bytes) => writeNow(master, bytes),
      () => undefined,
    );
    this.#stream = new ReadStream(master, {
      onread: {
        buffer: scratch,
        callback: (length) => {
          this.#read(length);
          return true;
        },
      },
    });
    this.#stream.resume();
    this.#stream.on("error", () => this.#finish());
    child.once("exit", (code, signal) => this.#exited(code, signal));
    // It may have exited before anybody listened.
    if (child.exitCode !== null || child.signalCode !== null) this.#exited(child.exitCode, child.signalCode);
  }

  pause(): void {
    if (this.#phase.type === "ended" || this.#paused || this.#killing) return;
    this.#paused = true;
    this.#stream.pause();
    if (this.#phase.type === "draining") clearTimeout(this.#phase.timer);
  }

  resume(): void {
    if (this.#phase.type === "ended" || !this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
    if (this.#phase.type === "draining") this.#phase.timer = this.#drainTimer();
  }

  write(bytes: Uint8Array): boolean {
    return this.#phase.type === "running" && this.#input.push(bytes);
  }

  resize(cols: number, rows: number): void {
    if (this.#phase.type === "ended") return;
    this.#native.resize(this.#master, cols, rows);
    this.#events.resized(cols, rows);
  }

  watched(): void {
    // A PTY streams always: its screen must be known when somebody comes.
  }

  async kill(force: boolean): Promise<void> {
    if (this.#phase.type === "ended") return;
    // Nobody's slowness delays an end.
    this.resume();
    this.#killing = true;
    await terminateAll(this.#pid, { force });
    await this.#whenEnded.promise;
  }

  cwd(): Promise<string | undefined> {
    return foregroundCwd(this.#pid);
  }

  capture(take: (seed: Seed | undefined) => void): void {
    take(undefined);
  }

  release(): void {
    void this.kill(false);
  }

  /** @param length bytes that lie at the front of `scratch`. */
  #read(length: number): void {
    if (this.#phase.type === "running") return this.#events.output(scratch.subarray(0, this.#readOn(length)));
    if (this.#phase.type === "ended") return;
    const drained = this.#phase.scanner.push(scratch.subarray(0, length));
    if (drained.bytes.byteLength > 0) this.#events.output(drained.bytes);
    if (drained.type === "end") this.#finish("found");
  }

  /**
   * libuv reads a PTY once per turn of the event loop, and a PTY gives 4 KiB at most. After a full read more
   * is there for certain: it is taken now, up to what is worth a turn.
   */
  #readOn(length: number): number {
    let all = length;
    for (let got = length; got >= FULL_READ_BYTES && all < BATCH_BYTES; all += got) got = readNow(this.#master, scratch, all);
    return all;
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#phase.type !== "running") return;
    this.#input.close();
    const sentinel = randomBytes(16).toString("hex");
    const end: TerminalEnd = { reason: "exited", ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) };
    this.#phase = {
      type: "draining",
      end,
      scanner: new SentinelScanner(Buffer.from(sentinel)),
      timer: this.#paused ? undefined : this.#drainTimer(),
    };
    this.#writeSentinel(Buffer.from(sentinel));
  }

  #writeSentinel(rest: Buffer): void {
    if (this.#phase.type !== "draining") return;
    try {
      const written = writeNow(this.#slave, rest) ?? 0;
      // A full terminal takes it once the reader has made room.
      if (written < rest.byteLength) setTimeout(() => this.#writeSentinel(rest.subarray(written)), SENTINEL_RETRY_MS);
    } catch {
      this.#finish();
    }
  }

  #drainTimer(): NodeJS.Timeout {
    return setTimeout(() => this.#finish(), DRAIN_TIMEOUT_MS);
  }

  /** @param sentinel `missing`: what the scanner held back may be output and is passed on. */
  #finish(sentinel: "found" | "missing" = "missing"): void {
    const phase = this.#phase;
    if (phase.type === "ended") return;
    if (phase.type === "draining") {
      clearTimeout(phase.timer);
      const rest = phase.scanner.rest();
      if (sentinel === "missing" && rest.byteLength > 0) this.#events.output(rest);
    }
    this.#phase = { type: "ended" };
    this.#input.close();
    this.#stream.destroy();
    concealFd(this.#master);
    closeSync(this.#slave);
    this.#events.ended(phase.type === "draining" ? phase.end : { reason: "exited" });
    this.#whenEnded.resolve();
  }
}

/** 0 when there is nothing now; what is wrong comes up in the stream as well. */
function readNow(fd: number, into: Buffer, at: number): number {
  try {
    return readSync(fd, into, at, into.byteLength - at, null);
  } catch {
    return 0;
  }
}

function writeNow(fd: number, bytes: Uint8Array): number | undefined {
  try {
    return writeSync(fd, bytes);
  } catch (cause) {
    if (errnoOf(cause) === "EAGAIN") return undefined;
    throw cause;
  }
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
