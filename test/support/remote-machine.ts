/** A machine without anything of Maestro: a real sshd on loopback with a home of its own, behind a line that can be cut. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sshd } from "../../host-agent/src/transports/ssh/testing/sshd.ts";
import { ChaosProxy } from "./chaos-proxy.ts";
import type { Product } from "./maestro.ts";
import { poll } from "./wait.ts";

export class RemoteMachine implements AsyncDisposable {
  readonly sshd: Sshd;
  readonly line: ChaosProxy;
  readonly home: string;

  private constructor(sshd: Sshd, line: ChaosProxy, home: string) {
    this.sshd = sshd;
    this.line = line;
    this.home = home;
  }

  /** @param settings of sshd_config(5). */
  static async start(
    settings: Readonly<Record<string, string>> = {},
    { home: prefix = "remote home ", env = {} }: { home?: string; env?: Readonly<Record<string, string>> } = {},
  ): Promise<RemoteMachine> {
    const home = mkdtempSync(join(tmpdir(), prefix));
    const environment = Object.entries({ HOME: home, TMUX_TMPDIR: home, ...env })
      .map(([name, value]) => `"${name}=${value}"`)
      .join(" ");
    const sshd = await Sshd.start({ SetEnv: environment, ...settings });
    return new RemoteMachine(sshd, await ChaosProxy.listen({ target: { port: sshd.port }, log: () => {} }), home);
  }

  /** `host add`'s flags. */
  get flags(): string[] {
    return ["--port", String(this.line.port), "--identity", this.sshd.at("user")];
  }

  /** Attempts that something of is left there. */
  get attempts(): string[] {
    const dir = join(this.home, ".maestro-remote", "attempts");
    return existsSync(dir) ? readdirSync(dir) : [];
  }

  /** Added, its key accepted, and online. */
  async join(product: Product, name: string, ...more: string[]): Promise<void> {
    const added = await product.cli(["host", "add", name, "127.0.0.1", ...this.flags, "--accept-host-key", "new", ...more]);
    if (added.code !== 0) throw new Error(`host add: ${added.stderr}${added.stdout}`);
    await this.online(product, name);
  }

  online(product: Product, name: string): Promise<true> {
    return poll(
      `${name} online`,
      async () => {
        const shown = await product.cli(["host", "show", name, "--json"]);
        return /"status": ?"online"/.test(shown.stdout) ? (true as const) : undefined;
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
  }

  /** Of a test that failed: what it began would go on. */
  #endAttempts(): void {
    for (const name of this.attempts)
      for (const file of ["started", "child"]) {
        const path = join(this.home, ".maestro-remote", "attempts", name, file);
        const pid = existsSync(path) ? Number.parseInt(readFileSync(path, "utf8"), 10) : Number.NaN;
        if (Number.isSafeInteger(pid) && /maestro|MAESTRO/.test(environOf(pid))) kill(-pid);
      }
  }

  /** Its tmux is its own, and holds whatever terminals a test has left there. */
  #endTerminals(): void {
    const there = { ...process.env, TMUX_TMPDIR: this.home };
    spawnSync("tmux", ["-L", "maestro", "kill-server"], { env: there, stdio: "ignore" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line[Symbol.asyncDispose]();
    this.#endAttempts();
    this.#endTerminals();
    await this.sshd[Symbol.asyncDispose]();
    rmSync(this.home, { recursive: true, force: true });
  }
}

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1") + readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
