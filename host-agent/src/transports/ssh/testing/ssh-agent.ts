/** A real ssh-agent that holds one key. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class SshAgent implements AsyncDisposable {
  readonly socket: string;
  /** The public one, as its file has it. */
  readonly key: string;
  readonly #dir: string;
  readonly #process: ChildProcess;

  private constructor(dir: string, process: ChildProcess, key: string) {
    this.#dir = dir;
    this.socket = join(dir, "agent");
    this.#process = process;
    this.key = key;
  }

  static async start(): Promise<SshAgent> {
    const dir = mkdtempSync(join(tmpdir(), "magent-"));
    const agent = spawn("ssh-agent", ["-D", "-a", join(dir, "agent")], { stdio: ["ignore", "pipe", "ignore"] });
    await once(agent.stdout, "data");
    const key = join(dir, "key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    execFileSync("ssh-add", ["-q", key], { env: { ...process.env, SSH_AUTH_SOCK: join(dir, "agent") } });
    return new SshAgent(dir, agent, readFileSync(`${key}.pub`, "utf8").trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, "exit");
    this.#process.kill();
    await gone;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
