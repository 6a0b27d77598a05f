/** A real OpenSSH server on loopback, with keys and a configuration of its own; and its client, as people script it. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../support/maestro.ts";
import { program } from "../../support/system.ts";
import { poll } from "../../support/wait.ts";

const run = promisify(execFile);
/** The server refuses to run without this directory, which its service unit makes. */
const PRIVILEGE_SEPARATION = "/run/sshd";

export class Sshd implements AsyncDisposable {
  readonly #server: ChildProcess;
  readonly #directory: string;
  readonly #port: number;
  #master: ChildProcess | undefined;

  private constructor(server: ChildProcess, directory: string, port: number) {
    this.#server = server;
    this.#directory = directory;
    this.#port = port;
  }

  static async start(): Promise<Sshd> {
    const sshd = program("sshd");
    if (sshd === undefined) throw new Error("sshd is not installed (apt-get install openssh-server)");
    const directory = mkdtempSync(join(tmpdir(), "mbs-"));
    const at = (name: string) => join(directory, name);
    for (const key of ["host", "user"]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
    writeFileSync(at("authorized"), readFileSync(at("user.pub")), { mode: 0o600 });
    const port = await freePort();
    const settings = {
      ListenAddress: "127.0.0.1",
      Port: String(port),
      HostKey: at("host"),
      AuthorizedKeysFile: at("authorized"),
      PidFile: "none",
      StrictModes: "no",
      UsePAM: "no",
      PasswordAuthentication: "no",
      PermitRootLogin: "prohibit-password",
      MaxStartups: "100",
    };
    writeFileSync(at("config"), Object.entries(settings).map((pair) => pair.join(" ")).join("\n"));
    mkdirSync(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 });
    const server = spawn(sshd, ["-D", "-e", "-f", at("config")], { stdio: ["ignore", "ignore", "ignore"] });
    await poll("sshd listening", () => answers(port), { everyMs: 20 });
    return new Sshd(server, directory, port);
  }

  /** argv of `ssh … host command`. */
  argv(command: readonly string[], options: readonly string[] = []): string[] {
    const settings = {
      IdentityFile: join(this.#directory, "user"),
      IdentitiesOnly: "yes",
      StrictHostKeyChecking: "no",
      UserKnownHostsFile: "/dev/null",
      LogLevel: "ERROR",
      BatchMode: "yes",
    };
    const given = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    return ["ssh", "-F", "none", ...given, ...options, "-p", String(this.#port), `${userInfo().username}@127.0.0.1`, ...command];
  }

  /** A connection that others share from now on; answers their options. */
  async master(): Promise<string[]> {
    const socket = join(this.#directory, "master");
    const [ssh = "", ...args] = this.argv([], ["-M", "-N", "-S", socket]);
    this.#master ??= spawn(ssh, args, { stdio: "ignore" });
    await poll("ssh master up", () => run(ssh, this.argv([], ["-S", socket, "-O", "check"]).slice(1)).then(() => true as const), { everyMs: 20 });
    return ["-S", socket];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.#master, this.#server]) {
      if (child === undefined || child.exitCode !== null) continue;
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const answers = (port: number): Promise<true | undefined> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(undefined));
  });
