/** The client of OpenSSH as people script it, and a server on loopback that it reaches. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { Sshd } from "../../../host-agent/src/transports/ssh/testing/sshd.ts";
import { poll } from "../../support/wait.ts";

const run = promisify(execFile);

export class ScriptedSsh implements AsyncDisposable {
  readonly #sshd: Sshd;
  #master: ChildProcess | undefined;

  private constructor(sshd: Sshd) {
    this.#sshd = sshd;
  }

  static async start(): Promise<ScriptedSsh> {
    return new ScriptedSsh(await Sshd.start({ LogLevel: "INFO" }));
  }

  /** argv of `ssh … host command`. */
  argv(command: readonly string[], options: readonly string[] = []): string[] {
    const settings = {
      IdentityFile: this.#sshd.at("user"),
      IdentitiesOnly: "yes",
      StrictHostKeyChecking: "no",
      UserKnownHostsFile: "/dev/null",
      LogLevel: "ERROR",
      BatchMode: "yes",
    };
    const given = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    return ["ssh", "-F", "none", ...given, ...options, "-p", String(this.#sshd.port), `${userInfo().username}@127.0.0.1`, ...command];
  }

  /** A connection that others share from now on; answers their options. */
  async master(): Promise<string[]> {
    const socket = this.#sshd.at("master");
    const [ssh = "", ...args] = this.argv([], ["-M", "-N", "-S", socket]);
    this.#master ??= spawn(ssh, args, { stdio: "ignore" });
    await poll("ssh master up", () => run(ssh, this.argv([], ["-S", socket, "-O", "check"]).slice(1)).then(() => true as const), { everyMs: 20 });
    return ["-S", socket];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#master !== undefined && this.#master.exitCode === null) {
      this.#master.kill("SIGTERM");
      await once(this.#master, "exit");
    }
    await this.#sshd[Symbol.asyncDispose]();
  }
}
