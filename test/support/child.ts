/** A child process whose output is kept and can be waited for. */
import { spawn, type ChildProcess } from "node:child_process";
import { Signal, until, within } from "./wait.ts";

/** Output kept per stream; a chatty child loses its beginning, not the test its memory. */
const MAX_OUTPUT_CHARS = 8_000_000;

export interface ChildOptions {
  env: Readonly<Record<string, string>>;
  cwd?: string;
  /** Written to stdin, which is then closed. Without it, stdin is an open pipe. */
  stdin?: string;
  /** Another way to start it, in a network namespace for instance. */
  spawn?: (argv: readonly string[], options: { env: NodeJS.ProcessEnv; cwd: string; stdio: "pipe" }) => ChildProcess;
}

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export class Child {
  stdout = "";
  stderr = "";
  readonly exited: Promise<Finished>;
  readonly #process: ChildProcess;
  readonly #changed = new Signal();
  finished: Finished | undefined;

  constructor(argv: readonly string[], { env, cwd = "/", stdin, spawn: start = spawnArgv }: ChildOptions) {
    this.#process = start(argv, { env: { ...env }, cwd, stdio: "pipe" });
    const { stdout, stderr, stdin: input } = this.#process;
    stdout?.setEncoding("utf8").on("data", (text: string) => this.#keep("stdout", text));
    stderr?.setEncoding("utf8").on("data", (text: string) => this.#keep("stderr", text));
    // A child that ended before it read its input is not the test's failure.
    input?.on("error", () => undefined);
    if (stdin !== undefined) input?.end(stdin);
    this.exited = new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("close", (code, signal) => {
        this.finished = { code, signal, stdout: this.stdout, stderr: this.stderr };
        this.#changed.emit();
        resolve(this.finished);
      });
    });
    // Whoever waits sees the failure; nobody waiting is not an unhandled rejection.
    this.exited.catch(() => undefined);
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** What `read` finds in the output, as soon as it is there; fails at once when the child ended without it. */
  output<T>(what: string, read: (child: Child) => T | undefined, timeoutMs = 60_000): Promise<T> {
    const look = () => {
      const found = read(this);
      if (found !== undefined) return found;
      if (this.finished !== undefined)
        throw new Error(`${what}: the process ended with ${this.finished.signal ?? this.finished.code}\n${this.log()}`);
      return undefined;
    };
    return until(what, this.#changed.changes, look, { timeoutMs, detail: () => this.log() });
  }

  end(what: string, timeoutMs = 30_000): Promise<Finished> {
    return within(timeoutMs, what, this.exited, () => this.log());
  }

  log(): string {
    return `--- stdout\n${this.stdout.slice(-4000)}\n--- stderr\n${this.stderr.slice(-4000)}`;
  }

  #keep(stream: "stdout" | "stderr", text: string): void {
    this[stream] = (this[stream] + text).slice(-MAX_OUTPUT_CHARS);
    this.#changed.emit();
  }
}

const spawnArgv: NonNullable<ChildOptions["spawn"]> = (argv, options) => {
  const [file = "", ...args] = argv;
  return spawn(file, args, options);
};

/** Runs to the end. */
export function runChild(argv: readonly string[], options: ChildOptions, timeoutMs = 60_000): Promise<Finished> {
  return new Child(argv, { stdin: "", ...options }).end(argv.slice(0, 4).join(" "), timeoutMs);
}
