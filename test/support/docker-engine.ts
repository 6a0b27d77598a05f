/** A Docker engine of the tests' own: its directories, its socket and its containers go with it; one that people use is left alone. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { poll } from "./wait.ts";
import { program } from "./system.ts";

/** What sh, and all that our scripts call, come from. */
export const IMAGE = "maestro-test:busybox";

export class DockerEngine implements AsyncDisposable {
  readonly #daemon: ChildProcess;
  readonly #directory: string;

  private constructor(daemon: ChildProcess, directory: string) {
    this.#daemon = daemon;
    this.#directory = directory;
  }

  static async start(): Promise<DockerEngine> {
    const directory = mkdtempSync(join(tmpdir(), "mdkr-"));
    const at = (name: string) => join(directory, name);
    // No image has to be fetched, no network made: containers here talk to nobody.
    const args = ["--storage-driver=vfs", "--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")];
    const daemon = spawn("dockerd", [...args, "-H", `unix://${at("sock")}`, "--bridge=none", "--iptables=false"], { stdio: "ignore" });
    const engine = new DockerEngine(daemon, directory);
    await poll("dockerd answers", () => engine.#answers(), { timeoutMs: 60_000, everyMs: 100 });
    engine.#importImage();
    return engine;
  }

  /** All that it keeps. */
  get directory(): string {
    return this.#directory;
  }

  /** For `docker`, also the one that the product starts. */
  get env(): Record<string, string> {
    return { DOCKER_HOST: `unix://${join(this.#directory, "sock")}` };
  }

  docker(...args: readonly string[]): string {
    return execFileSync("docker", args, {
      env: { ...process.env, ...this.env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  }

  /** A container that does nothing until it is told to. */
  container(name: string, ...options: readonly string[]): void {
    this.docker("run", "--detach", "--init", "--network", "none", "--name", name, ...options, IMAGE, "/bin/sleep", "1000000");
  }

  #answers(): true | undefined {
    if (this.#daemon.exitCode !== null) throw new Error(`dockerd ended with ${this.#daemon.exitCode}`);
    try {
      this.docker("version");
      return true;
    } catch {
      return undefined;
    }
  }

  #importImage(): void {
    const root = join(this.#directory, "root");
    for (const dir of ["bin", "tmp", "root", "usr/bin", "etc"]) mkdirSync(join(root, dir), { recursive: true });
    const busybox = program("busybox") ?? "/bin/busybox";
    copyFileSync(busybox, join(root, "bin", "busybox"));
    // One that is not static brings its libraries along.
    const libraries = execFileSync("sh", ["-c", `ldd "$0" 2>/dev/null || :`, busybox], { encoding: "utf8" }).match(/\/\S+(?= \()/g) ?? [];
    for (const file of libraries) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      copyFileSync(file, join(root, file));
    }
    const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
    execFileSync("sh", ["-c", `cd "$0/bin" && for one in "$@"; do [ -e "$one" ] || ln -s busybox "$one"; done`, root, ...applets]);
    const tar = join(this.#directory, "image.tar");
    execFileSync("tar", ["-C", root, "-cf", tar, "."]);
    this.docker("import", tar, IMAGE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const running = this.docker("ps", "-aq").split("\n").filter(Boolean);
      if (running.length > 0) this.docker("rm", "-f", ...running);
      // Their bridges would outlive the engine, and take addresses from every one after it.
      const networks = this.docker("network", "ls", "--quiet", "--filter", "type=custom").split("\n").filter(Boolean);
      if (networks.length > 0) this.docker("network", "rm", ...networks);
    } catch {
      // It is gone already.
    }
    if (this.#daemon.exitCode === null && this.#daemon.signalCode === null) {
      const exited = once(this.#daemon, "exit");
      this.#daemon.kill("SIGTERM");
      await exited;
    }
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
