/** A real OpenSSH server on loopback, with keys, a configuration and a directory of its own. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MODERN_ALGORITHMS, type SshTarget } from "../../ssh-target.ts";

const run = promisify(execFile);
/** The server refuses to run without this directory, which its service unit makes. */
const PRIVILEGE_SEPARATION = "/run/sshd";

export class Sshd implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly #server: ChildProcess;
  #log = "";

  private constructor(server: ChildProcess, directory: string, port: number) {
    this.#server = server;
    this.directory = directory;
    this.port = port;
    server.stderr?.on("data", (chunk: Buffer) => (this.#log += chunk.toString("utf8")));
  }

  /** @param settings of sshd_config(5), over those that loopback needs. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Sshd> {
    const sshd = sshdPath();
    if (sshd === undefined) throw new Error("sshd is not installed (apt-get install openssh-server)");
    const directory = mkdtempSync(join(tmpdir(), "mssh-"));
    const at = (name: string) => join(directory, name);
    for (const key of ["host", "user"]) await makeKey(at(key));
    writeFileSync(at("authorized"), readFileSync(at("user.pub")), { mode: 0o600 });
    const port = await freePort();
    const all = {
      ListenAddress: "127.0.0.1",
      Port: String(port),
      HostKey: at("host"),
      AuthorizedKeysFile: at("authorized"),
      PidFile: "none",
      StrictModes: "no",
      UsePAM: "no",
      PasswordAuthentication: "no",
      KbdInteractiveAuthentication: "no",
      PermitRootLogin: "prohibit-password",
      MaxStartups: "100",
      LogLevel: "VERBOSE",
      PrintMotd: "no",
      ...settings,
    };
    writeFileSync(
      at("config"),
      Object.entries(all)
        .map((pair) => pair.join(" "))
        .join("\n"),
    );
    writeFileSync(at("known_hosts"), `[127.0.0.1]:${port} ${readFileSync(at("host.pub"), "utf8")}`, { mode: 0o600 });
    if (process.getuid?.() === 0) mkdirSync(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 });
    const server = spawn(sshd, ["-D", "-e", "-f", at("config")], { stdio: ["ignore", "ignore", "pipe"] });
    const started = new Sshd(server, directory, port);
    await started.said("Server listening");
    return started;
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  /** Where it is, with its host key known and its user's key named. */
  target(over: Partial<SshTarget> = {}): SshTarget {
    return {
      alias: "box",
      hostName: "127.0.0.1",
      port: this.port,
      user: userInfo().username,
      identityFiles: [{ path: this.at("user"), required: true }],
      certificateFiles: [],
      identitiesOnly: true,
      agent: { kind: "none" },
      forwardAgent: false,
      route: { kind: "direct" },
      connectTimeoutMs: 10_000,
      aliveIntervalMs: 15_000,
      aliveCountMax: 3,
      hostKeyAlias: undefined,
      knownHostsFiles: [this.at("known_hosts")],
      algorithms: MODERN_ALGORITHMS,
      ...over,
    };
  }

  get log(): string {
    return this.#log;
  }

  /** Resolves once its log holds the text. */
  async said(text: string): Promise<void> {
    while (!this.#log.includes(text)) {
      if (this.#server.exitCode !== null) throw new Error(`sshd ended: ${this.#log}`);
      const { stderr } = this.#server;
      if (stderr === null) throw new Error("sshd has no log");
      await once(stderr, "data");
    }
  }

  /** As if its machine went away: processes of its sessions are told nothing. */
  async stop(): Promise<void> {
    if (this.#server.exitCode !== null || this.#server.signalCode !== null) return;
    const exited = once(this.#server, "exit");
    this.#server.kill("SIGTERM");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function makeKey(file: string, passphrase = "", type = "ed25519"): Promise<void> {
  await run("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-f", file]);
}

/** Undefined where there is none: tests say so in their titles. */
export function sshdPath(): string | undefined {
  return ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"].find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Of a server that answers nobody here yet. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
