/** A machine of its own as far as network and home directory go: a network namespace, a name, a HOME, and a bare environment. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Child, type Finished } from "./child.ts";
import { TestHome } from "./home.ts";
import { BUNDLE } from "./maestro.ts";
import type { NetSide } from "./netns.ts";

/** Where Debian's curl, tar and sh are; the repository's Node stands before its own. */
const PATH = [dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":");

export class Machine implements AsyncDisposable {
  readonly home = new TestHome();
  readonly net: NetSide;

  /** What `hostname` answers here. */
  readonly #hostname: string;
  #path = PATH;

  constructor(net: NetSide, hostname: string) {
    this.net = net;
    this.#hostname = hostname;
  }

  /** MAESTRO_HOME as a user has it who sets nothing. */
  get maestroHome(): string {
    return join(this.home.userHome, ".maestro");
  }

  /** From now on these programs write their argv down before they run, however short they live. */
  recordArgv(programs: Readonly<Record<string, string>>): () => string[] {
    const directory = this.home.directory("shims");
    const log = join(this.home.directory("argv"), "log");
    for (const [name, file] of Object.entries(programs)) {
      writeFileSync(join(directory, name), `#!/bin/bash\nprintf '%s\\n' "${name} $*" >>'${log}'\nexec '${file}' "$@"\n`, { mode: 0o755 });
    }
    this.#path = `${directory}:${PATH}`;
    return () => (existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : []);
  }

  /** Starts a program here. */
  start(argv: readonly string[], { stdin, env = {} }: { stdin?: string; env?: Readonly<Record<string, string>> } = {}): Child {
    return new Child(argv, {
      cwd: this.home.userHome,
      env: {
        PATH: this.#path,
        HOME: this.home.userHome,
        TMUX_TMPDIR: this.home.directory("t"),
        LANG: "C.UTF-8",
        TERM: "xterm-256color",
        SHELL: "/bin/bash",
        ...env,
      },
      ...(stdin === undefined ? {} : { stdin }),
      spawn: (words, options) =>
        this.net.spawn(["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', this.#hostname, ...words], options),
    });
  }

  run(
    argv: readonly string[],
    options: { stdin?: string; env?: Readonly<Record<string, string>> } = {},
    timeoutMs = 90_000,
  ): Promise<Finished> {
    return this.start(argv, { stdin: "", ...options }).end(argv.slice(0, 5).join(" "), timeoutMs);
  }

  /** Types lines into a shell, as somebody does who pastes them: what they hold is in no argv of ours. */
  paste(text: string, shell: readonly string[] = ["sh"]): Promise<Finished> {
    return this.run([...shell], { stdin: `${text}\nexit $?\n` });
  }

  /** The CLI out of the repository's build. */
  cli(...args: string[]): Promise<Finished> {
    return this.run([process.execPath, BUNDLE, ...args]);
  }

  /** `maestro up …` until it is ready: what it said then. */
  async up<T>(args: readonly string[], parse: (line: string) => T): Promise<{ child: Child; ready: T }> {
    const child = this.start([process.execPath, BUNDLE, "up", "--no-open", "--json", ...args]);
    const ready = await child.output(
      "maestro up ready",
      ({ stdout }) => stdout.split("\n").find((line) => line.startsWith("{") && line.endsWith("}")),
      90_000,
    );
    return { child, ready: parse(ready) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
  }
}
