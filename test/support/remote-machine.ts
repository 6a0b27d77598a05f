/** A machine without anything of Maestro: a real sshd on loopback with a home of its own, behind a line that can be cut. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sshd } from "../../host-agent/src/transports/ssh/testing/sshd.ts";
import { ChaosProxy } from "./chaos-proxy.ts";
import type { Product } from "./maestro.ts";
import { allProcesses, endAll, processEnv } from "./processes.ts";

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

  async online(product: Product, name: string): Promise<void> {
    await product.api.hostOnline(name, 60_000);
  }

  /**
   * Attempts, terminals, shells: all that a session here began has this home. Killed, not hung up on: a shell that is told of its
   * terminal's end writes its history, into what is being removed.
   */
  #processes(): number[] {
    return allProcesses()
      .filter(({ pid, state }) => state !== "Z" && processEnv(pid, "HOME") === this.home)
      .map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.line[Symbol.asyncDispose]();
    await this.sshd[Symbol.asyncDispose]();
    await endAll(() => this.#processes());
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
