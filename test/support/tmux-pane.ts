/** One program in a tmux pane of a private server: types like a person, reads the screen like one. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PATIENCE_MS, poll } from "./wait.ts";

const run = promisify(execFile);

export interface PaneOptions {
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  cols?: number;
  rows?: number;
}

export class TmuxPane implements AsyncDisposable {
  readonly #socket: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#socket = join(directory, "s");
  }

  /** The environment is exactly `env` and what a terminal needs: nothing of the test runner's leaks in. */
  static async open({ argv, env = {}, cwd = tmpdir(), cols = 100, rows = 30 }: PaneOptions): Promise<TmuxPane> {
    const pane = new TmuxPane(mkdtempSync(join(tmpdir(), "mtp-")));
    const clean = [
      "env",
      "-i",
      "TERM=tmux-256color",
      "COLORTERM=truecolor",
      "LANG=C.UTF-8",
      `PATH=${process.env["PATH"] ?? ""}`,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ];
    await pane.#tmux(["-f", "/dev/null", "new-session", "-d", "-x", String(cols), "-y", String(rows), "-c", cwd, "--", ...clean, ...argv]);
    await pane.#tmux(["set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-s", "set-clipboard", "on"]);
    return pane;
  }

  async screen(): Promise<string> {
    return (await this.#tmux(["capture-pane", "-p"])).stdout;
  }

  /** Text as typed, without Enter. */
  async type(text: string): Promise<void> {
    await this.#tmux(["send-keys", "-l", "--", text]);
  }

  /** Keys by tmux's names: `Enter`, `Escape`, `C-c`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux(["send-keys", "--", ...keys]);
  }

  async resize(cols: number, rows: number): Promise<void> {
    await this.#tmux(["resize-window", "-x", String(cols), "-y", String(rows)]);
  }

  /** What the program put into the clipboard (OSC 52), as tmux keeps it; empty when it did not. */
  async clipboard(): Promise<string> {
    const { stdout } = await this.#tmux(["list-buffers", "-F", "#{buffer_sample}"]);
    return stdout.trim();
  }

  async forgetClipboard(): Promise<void> {
    while ((await this.clipboard()) !== "") await this.#tmux(["delete-buffer"]);
  }

  /** The screen once it shows `wanted`. tmux announces no repaint to us, so it is asked. */
  async shows(wanted: string | RegExp, timeoutMs = PATIENCE_MS): Promise<string> {
    let last = "";
    return poll(
      `screen showing ${String(wanted)}`,
      async () => {
        last = await this.screen();
        return (typeof wanted === "string" ? last.includes(wanted) : wanted.test(last)) ? last : undefined;
      },
      { timeoutMs, everyMs: 100, detail: () => `the screen was:\n${last}` },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux(["kill-server"]).catch(() => undefined);
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #tmux(argv: readonly string[]) {
    return run("tmux", ["-S", this.#socket, ...argv], { timeout: PATIENCE_MS });
  }
}
