/**
 * The real product, started as users start it: `maestro up` from the built bundle, further machines by
 * `host join` and `host run` with homes of their own. Every part can be killed by pid and comes back as it should.
 */
import { randomInt } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { Api } from "./api.ts";
import { Child, runChild, type ChildOptions, type Finished } from "./child.ts";
import { TestHome } from "./home.ts";
import { allProcesses, killAndWait, processEnv, processInfo } from "./processes.ts";
import { PATIENCE_MS, poll } from "./wait.ts";
import { Viewer, type ViewerOptions } from "./viewer.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const BUNDLE = join(root, "host-agent", "dist", "bin.js");

/** `pnpm test` and `pnpm bench` build before; alone, a test file says what to do. */
export function requireBundle(): void {
  if (!existsSync(BUNDLE)) throw new Error("the product is not built: run `npx pnpm@12 build` first");
}

export type Part = "up" | "control-plane" | "workerd" | "host-agent" | "holder";

/** Which part a process is, from its argv; undefined for shells, agents, tmux and the rest. */
function partOf(argv: readonly string[]): Part | undefined {
  const [program = ""] = argv;
  if (basename(program) === "workerd") return "workerd";
  const script = argv.findIndex((word) => /(^|\/)bin\.(js|ts)$/.test(word));
  if (script === -1) return undefined;
  const words = argv.slice(script + 1).filter((word) => !word.startsWith("-"));
  const text = `${basename(argv[script] ?? "")} ${words.join(" ")}`;
  if (/\bholder\b/.test(text)) return "holder";
  if (/\bcontrol-plane\b/.test(text)) return "control-plane";
  if (/\bhost run\b|\bhost-agent\b|\bdaemon\b/.test(text)) return "host-agent";
  if (/\bup\b/.test(text)) return "up";
  return undefined;
}

/** Something with a MAESTRO_HOME: what `up` and a second host have in common. */
abstract class Installation implements AsyncDisposable {
  readonly home: TestHome;
  /** The program that is started from now on; another one is another version of the product. */
  bundle: string;
  protected readonly env: Readonly<Record<string, string>>;

  protected constructor(home: TestHome, env: Readonly<Record<string, string>>, bundle = BUNDLE) {
    this.home = home;
    this.bundle = bundle;
    this.env = home.env(env);
  }

  /** Undefined when that part does not run now. */
  pid(part: Part): number | undefined {
    // A holder's sessions inherit MAESTRO_HOME; only the product's own processes have these argvs.
    const own = allProcesses().filter(({ pid, argv, state }) => state !== "Z" && partOf(argv) === part && this.#owns(pid));
    return own[0]?.pid;
  }

  /** The part's pid once it runs. */
  running(part: Part, timeoutMs = PATIENCE_MS): Promise<number> {
    return poll(`${part} running`, () => this.pid(part), { timeoutMs, everyMs: 25, detail: () => this.describe() });
  }

  /** Kills one part; what supervises it brings it back. Answers the pid that died. */
  async kill(part: Part, signal: NodeJS.Signals = "SIGKILL"): Promise<number> {
    const pid = await this.running(part);
    await killAndWait(pid, signal);
    return pid;
  }

  /** As `kill`, and waits until another process has taken its place. */
  async killAndReturn(part: Part, signal: NodeJS.Signals = "SIGKILL"): Promise<number> {
    const old = await this.kill(part, signal);
    return poll(
      `${part} back`,
      () => {
        const pid = this.pid(part);
        return pid === old ? undefined : pid;
      },
      { timeoutMs: 30_000, everyMs: 25, detail: () => this.describe() },
    );
  }

  /** `maestro …` of this home. */
  cli(args: readonly string[], options: Partial<ChildOptions> = {}): Promise<Finished> {
    return runChild([process.execPath, this.bundle, ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  /** `maestro … --json`, parsed; throws with all output when it failed. */
  async cliJson<T>(schema: z.ZodType<T>, args: readonly string[], options: Partial<ChildOptions> = {}): Promise<T> {
    const { code, stdout, stderr } = await this.cli([...args, "--json"], options);
    if (code !== 0) throw new Error(`maestro ${args.join(" ")}: exit ${code}\n${stderr}`);
    return schema.parse(JSON.parse(stdout));
  }

  /** The CLI as a child to talk to. */
  start(args: readonly string[], options: Partial<ChildOptions> = {}): Child {
    return new Child([process.execPath, this.bundle, ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  describe(): string {
    return this.home
      .processes()
      .map((pid) => `${pid} ${partOf(processInfo(pid)?.argv ?? []) ?? "-"} ${processInfo(pid)?.argv.join(" ").slice(0, 160) ?? ""}`)
      .join("\n");
  }

  abstract [Symbol.asyncDispose](): Promise<void>;

  #owns(pid: number): boolean {
    if (processEnv(pid, "MAESTRO_HOME") === this.home.path || processEnv(pid, "HOME") === this.home.userHome) return true;
    const parent = processInfo(pid)?.parent;
    return parent !== undefined && parent > 1 && processEnv(parent, "MAESTRO_HOME") === this.home.path;
  }
}

export interface UpOptions {
  home?: TestHome;
  /** 0 (default) takes a free one. */
  port?: number;
  /** Shortens every wait of the protocol, on both sides. */
  timeScale?: number;
  env?: Readonly<Record<string, string>>;
  /** More flags for `up`. */
  args?: readonly string[];
  /** Start it elsewhere: on a still machine, for instance. */
  spawn?: ChildOptions["spawn"];
}

const Ready = z.looseObject({ console: z.string(), login: z.string() });

const Profiles = z.looseObject({
  current: z.string().optional(),
  profiles: z.record(z.string(), z.looseObject({ url: z.string(), token: z.string() })),
});

export class Product extends Installation {
  readonly url: string;
  readonly port: number;
  readonly api: Api;
  /** One-time login link of the present run. */
  login: string;
  #up: Child;
  readonly #options: UpOptions;
  readonly #hosts = new Set<SecondHost>();

  private constructor(home: TestHome, options: UpOptions, env: Readonly<Record<string, string>>, up: Child, ready: z.infer<typeof Ready>) {
    super(home, env);
    this.#options = options;
    this.#up = up;
    this.login = ready.login;
    this.url = new URL(ready.console).origin;
    this.port = Number(new URL(ready.console).port);
    this.api = new Api(this.url, ownerToken(home));
  }

  static async up(options: UpOptions = {}): Promise<Product> {
    requireBundle();
    const home = options.home ?? new TestHome();
    const scale: Record<string, string> = options.timeScale === undefined ? {} : { MAESTRO_TIME_SCALE: String(options.timeScale) };
    const env = { ...scale, ...options.env };
    const port = options.port === undefined || options.port === 0 ? await freePort() : options.port;
    const { child, ready } = await startUp(BUNDLE, home.env(env), port, options);
    const product = new Product(home, { ...options, port }, env, child, ready);
    product.api.defaultHost = (await product.api.hostOnline()).name;
    return product;
  }

  /** What `up` printed so far. */
  get log(): string {
    return this.#up.log();
  }

  /** As Ctrl-C does; sessions live on. */
  async down(signal: NodeJS.Signals = "SIGINT"): Promise<Finished> {
    this.#up.signal(signal);
    return this.#up.end("maestro up after its signal", 30_000);
  }

  /** `up` again on the same home and port. */
  async upAgain(args: readonly string[] = this.#options.args ?? []): Promise<void> {
    const { child, ready } = await startUp(this.bundle, this.env, this.port, { ...this.#options, args });
    this.#up = child;
    this.login = ready.login;
    await this.api.hostOnline();
  }

  /** A fresh one-time login link. */
  async loginLink(): Promise<string> {
    return this.api.call(z.looseObject({ url: z.string() }), "POST", "/api/v1/login-links", {}).then(({ url }) => url);
  }

  /** A second machine: its own home, joined with a join token, its daemon running. `through` is a proxy's url. */
  async joinHost(name: string, options: HostOptions = {}): Promise<SecondHost> {
    const host = await SecondHost.join(this, name, options);
    this.#hosts.add(host);
    return host;
  }

  /** A viewer with the owner's token. */
  attach(session: string, options: Partial<ViewerOptions> = {}): Promise<Viewer> {
    return Viewer.attach({ url: this.url, token: this.api.token ?? "", session, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts) await host[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}

export interface HostOptions {
  home?: TestHome;
  /** Address to join at instead of the product's own: a chaos proxy's. */
  through?: string;
  timeScale?: number;
  env?: Readonly<Record<string, string>>;
  /** Start it elsewhere, in a network namespace for instance. */
  spawn?: ChildOptions["spawn"];
  /** Its program, when it is not the one that was built. */
  bundle?: string;
}

export class SecondHost extends Installation {
  readonly name: string;
  readonly #spawn: ChildOptions["spawn"];
  #daemon: Child | undefined;

  private constructor(
    name: string,
    home: TestHome,
    env: Readonly<Record<string, string>>,
    { spawn, bundle }: Pick<HostOptions, "spawn" | "bundle"> = {},
  ) {
    super(home, env, bundle);
    this.name = name;
    this.#spawn = spawn;
  }

  static async join(
    product: Product,
    name: string,
    { home = new TestHome(), through, timeScale, env = {}, ...how }: HostOptions,
  ): Promise<SecondHost> {
    const scale: Record<string, string> = timeScale === undefined ? {} : { MAESTRO_TIME_SCALE: String(timeScale) };
    const host = new SecondHost(name, home, { ...scale, ...env }, how);
    const { token } = await product.api.createJoin({ name });
    const joined = await host.cli(["host", "join", product.url, "--name", name, "--token-file", "-"], {
      stdin: `${token}\n`,
      ...host.#how(),
    });
    if (joined.code !== 0) throw new Error(`host join: exit ${joined.code}\n${joined.stdout}\n${joined.stderr}`);
    if (through !== undefined) dialThrough(home, through);
    host.run();
    await product.api.hostOnline(name).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${host.log}`, { cause: error });
    });
    return host;
  }

  /** [F22] A home that somebody copied, with the identity in it; joined nowhere. */
  static clone(name: string, home: TestHome, env: Readonly<Record<string, string>> = {}): SecondHost {
    return new SecondHost(name, home, env);
  }

  get log(): string {
    return this.#daemon?.log() ?? "(not started)";
  }

  /** `maestro host run` in the foreground of a child; `spawn` overrides how, for this run. */
  run(spawn: ChildOptions["spawn"] = this.#spawn): void {
    this.#daemon = this.start(["host", "run"], spawn === undefined ? {} : { spawn });
  }

  /** Ends the daemon only; its holder and sessions live on. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#daemon?.signal(signal);
    await this.#daemon?.end("maestro host run after its signal");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
  }

  #how(): Partial<ChildOptions> {
    return this.#spawn === undefined ? {} : { spawn: this.#spawn };
  }
}

/** A host signs for the server's own address [LK1]; only where it dials changes, as behind a port forward. */
function dialThrough(home: TestHome, url: string): void {
  const file = join(home.path, "host", "identity.json");
  const identity = z.looseObject({ record: z.looseObject({ url: z.string() }) }).parse(JSON.parse(readFileSync(file, "utf8")));
  identity.record.url = url;
  writeFileSync(file, JSON.stringify(identity), { mode: 0o600 });
}

async function startUp(
  bundle: string,
  env: Readonly<Record<string, string>>,
  port: number,
  { args = [], spawn }: Pick<UpOptions, "args" | "spawn">,
): Promise<{ child: Child; ready: z.infer<typeof Ready> }> {
  const argv = [process.execPath, bundle, "up", "--no-open", "--json", "--port", String(port), ...args];
  const child = new Child(argv, { env, ...(spawn === undefined ? {} : { spawn }) });
  const ready = await child.output(
    "maestro up ready",
    ({ stdout }) => {
      const line = stdout.split("\n").find((text) => text.startsWith("{") && text.trimEnd().endsWith("}"));
      const parsed = line === undefined ? undefined : Ready.safeParse(JSON.parse(line));
      return parsed?.success === true ? parsed.data : undefined;
    },
    90_000,
  );
  return { child, ready };
}

/** The profile that `up` stores for the CLI of its home holds the owner's token. */
function ownerToken(home: TestHome): string | undefined {
  const file = join(home.path, "profiles.json");
  if (!existsSync(file)) return undefined;
  const { current, profiles } = Profiles.parse(JSON.parse(readFileSync(file, "utf8")));
  return (current === undefined ? Object.values(profiles)[0] : profiles[current])?.token;
}

/**
 * Of those that the kernel gives nobody who asks for any: one of them could be somebody else's before it is used, or while its server is
 * started again.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(12_000, 32_000);
    const server = createServer();
    server.listen(port, "127.0.0.1");
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error("no free port");
}
