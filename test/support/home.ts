/** Throw-away MAESTRO_HOMEs, with short paths (Unix sockets hold about 100 bytes) and nothing left running. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allProcesses, endAll, processEnv, signalTo } from "./processes.ts";

/** Homes not disposed of yet: whoever exits early, by a signal that it handles, leaves nothing running either. */
const live = new Set<TestHome>();
process.on("exit", () => {
  for (const home of live) home.sweep();
});

export class TestHome implements AsyncDisposable {
  /** MAESTRO_HOME. */
  readonly path: string;
  /** HOME of the user whose product this is: empty, so that no dot file of the machine is read. */
  readonly userHome: string;
  readonly #root: string;

  constructor(label = "m") {
    this.#root = mkdtempSync(join(tmpdir(), `${label}-`));
    this.path = join(this.#root, "h");
    this.userHome = join(this.#root, "u");
    mkdirSync(this.path, { mode: 0o700 });
    mkdirSync(this.userHome, { mode: 0o700 });
    live.add(this);
  }

  /** A directory beside the home, made on first use: workspaces, fixtures, logs. */
  directory(name: string): string {
    const path = join(this.#root, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /**
   * What a product of this home is started with: the runner's PATH, nothing else of its environment.
   * tmux's default socket directory moves too, so that no test touches the user's own tmux server.
   */
  env(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: this.userHome,
      MAESTRO_HOME: this.path,
      TMUX_TMPDIR: this.directory("t"),
      LANG: "C.UTF-8",
      TERM: "xterm-256color",
      SHELL: "/bin/bash",
      ...extra,
    };
  }

  /** Every process that was started for this home, detached ones (holder, tmux server, agents) included. */
  processes(): number[] {
    return allProcesses()
      .filter(
        ({ pid, argv }) =>
          pid !== process.pid &&
          (processEnv(pid, "MAESTRO_HOME") === this.path ||
            processEnv(pid, "HOME") === this.userHome ||
            argv.some((word) => word.startsWith(`${this.#root}/`))),
      )
      .map(({ pid }) => pid);
  }

  /** Without waiting: for the very end of the process. */
  sweep(): void {
    for (const pid of this.processes()) signalTo(pid, "SIGKILL");
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll(() => this.processes());
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 5 });
    live.delete(this);
  }
}
