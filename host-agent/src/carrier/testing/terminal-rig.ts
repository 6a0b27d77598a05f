/** Terminals of a remote host without a link around them: a real holder here, a real sshd with a home of its own, a line that can be cut. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { randomBytes } from "node:crypto";
import { makeId, type SessionId } from "@maestro/shared/ids";
import type { MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { systemClock } from "../../daemon/clock.ts";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { Detector } from "../../adapters/detect.ts";
import { TypeCatalogue } from "../../adapters/types/catalogue.ts";
import { openPolicy } from "../../daemon/policy.ts";
import { carriedSessions, type CarriedSessionsDeps } from "../carried-sessions.ts";
import { Hand } from "../hand.ts";
import type { RemoteShell } from "../remote-shell.ts";
import { HolderKeeper } from "../../daemon/holder-keeper.ts";
import { silentLog } from "../../daemon/log.ts";
import { BIN } from "../../daemon/testing/programs.ts";
import { connectHolder } from "../../holder/connect.ts";
import { Ear, HolderFixture } from "../../holder/testing/fixture.ts";
import type { SshTarget } from "../../transports/ssh-target.ts";
import { dial } from "../../transports/ssh/dial.ts";
import { SshPool } from "../../transports/ssh/pool.ts";
import { Sshd } from "../../transports/ssh/testing/sshd.ts";
import { containerShell } from "../container-shell.ts";
import { CarriedTerminals, type TerminalOrder } from "../carried-terminals.ts";
import { IsolatedEngine } from "../isolated-engine.ts";
import { createIsolated, type Isolated } from "../isolated-work.ts";
import { Places } from "../place.ts";
import { AttemptStore } from "../../tasks/attempt-store.ts";
import { sshShell } from "../ssh-shell.ts";
import { TerminalFiles } from "../terminal-file.ts";

/** A session is given no more of our environment than people's are: this is given with the program. */
const cache = process.env["NODE_COMPILE_CACHE"];
const PROGRAM = [...(cache === undefined ? [] : ["/usr/bin/env", `NODE_COMPILE_CACHE=${cache}`]), process.execPath, BIN];
export const HOST = "hst_remote";
const record: RemoteRecord = {
  transport: "ssh",
  address: "there",
  sshConfig: false,
  options: {},
  env: { FROM_RECORD: "yes" },
  container: "none",
};

/** What the machine's programs are found in where tmux is not. */
const WITHOUT_TMUX = ["sh", "stty", "dd", "sleep", "env", "mkdir", "rm", "mv", "cat", "ps", "printf", "sha256sum", "head", "seq", "kill"];

export class TerminalRig implements AsyncDisposable {
  readonly home: string;
  readonly files: TerminalFiles;
  readonly ear = new Ear();
  readonly #dir: string;
  readonly #sshd: Sshd;
  readonly #line: Server;
  readonly #sockets: Set<Socket>;
  readonly #holder: HolderFixture;
  readonly #abort = new AbortController();
  readonly shell: RemoteShell;
  readonly isolated: Isolated;
  readonly terminals: CarriedTerminals;
  /** Why there is no terminal to be had there. */
  refusal: MaestroError | undefined;
  readonly keeper: HolderKeeper;
  #running: Promise<void> = Promise.resolve();

  private constructor(dir: string, sshd: Sshd, line: Server, sockets: Set<Socket>, holder: HolderFixture) {
    this.#dir = dir;
    this.home = path.join(dir, "its home");
    this.#sshd = sshd;
    this.#line = line;
    this.#sockets = sockets;
    this.#holder = holder;
    this.files = new TerminalFiles(path.join(dir, "terminals"));
    const { signal } = this.#abort;
    const target = async (): Promise<Result<SshTarget>> => (this.refusal === undefined ? ok(this.#target()) : err(this.refusal));
    const hostKeysFile = path.join(dir, "none");
    const pool = new SshPool({
      clock: systemClock,
      random: Math.random,
      timeScale: 0.02,
      signal,
      dial: (to, stopped) => dial(to, { hostKeysFile, env: {}, clock: systemClock, signal: stopped, accept: undefined, observe: () => {} }),
    });
    this.keeper = new HolderKeeper(
      (events, stopped) => connectHolder(holder.paths, events, stopped),
      {
        up: () => {},
        down: () => {},
        output: (event) => this.ear.output(event),
        snapshot: (event) => this.ear.snapshot(event),
        gap: (event) => this.ear.gap(event),
        epoch: (event) => this.ear.epoch(event),
        inputRefused: (event) => this.ear.inputRefused(event),
        changed: (upsert, removed) => this.ear.sessions({ upsert, removed }),
      },
      systemClock,
      silentLog,
      HOST,
    );
    this.shell = sshShell(pool, target, HOST, systemClock);
    const common = { clock: systemClock, timeScale: 0.02, log: silentLog };
    const inside = (container: string) => containerShell(this.shell, container);
    this.isolated = createIsolated({
      ...common,
      engine: new IsolatedEngine({ shell: this.shell, base: undefined, host: HOST }),
      store: new AttemptStore(path.join(dir, "attempts"), () => {}),
      sessions: () => this.files.isolated(),
      places: new Places({ ...common, shellOf: inside, prelude: "", typeDirs: [], policy: openPolicy, ownEnv: {}, record }),
      catalogue: () => new TypeCatalogue([], { detect: () => Promise.reject(new Error("nothing is detected")) }, () => undefined),
      prepare: () => Promise.reject(new Error("there are no tasks")),
      removeWorkspace: () => Promise.reject(new Error("there are no tasks")),
      signal,
    });
    this.terminals = new CarriedTerminals({
      host: { id: HOST, name: "gpu" },
      container: undefined,
      keeper: this.keeper,
      files: this.files,
      shellOf: (container) => (container === undefined ? this.shell : inside(container)),
      wipe: (container, session) => this.isolated.wipe(container, "terminals", session),
      prelude: "",
      sshTarget: target,
      hostKeysFile,
      program: PROGRAM,
      env: {},
      timeScale: 0.02,
      log: silentLog,
      signal,
    });
  }

  /** @param env of the machine's shells. */
  static async open({ tmux = true, env = {} }: { tmux?: boolean; env?: Readonly<Record<string, string>> } = {}): Promise<TerminalRig> {
    const dir = mkdtempSync(path.join(tmpdir(), "mterm-"));
    mkdirSync(path.join(dir, "its home"));
    mkdirSync(path.join(dir, "bin"));
    const set = { HOME: path.join(dir, "its home"), TMUX_TMPDIR: dir, ...env, ...(tmux ? {} : { PATH: path.join(dir, "bin") }) };
    if (!tmux) for (const name of WITHOUT_TMUX) execFileSync("ln", ["-s", which(name), path.join(dir, "bin", name)]);
    const sshd = await Sshd.start({
      SetEnv: Object.entries(set)
        .map((pair) => `"${pair.join("=")}"`)
        .join(" "),
    });
    const sockets = new Set<Socket>();
    const line = createServer((near) => {
      const far = connect(sshd.port, "127.0.0.1");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one);
        one.on("error", () => other.destroy());
        one.once("close", () => (sockets.delete(one), other.destroy()));
      }
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
    const holder = new HolderFixture();
    await holder.start();
    const rig = new TerminalRig(dir, sshd, line, sockets, holder);
    rig.#running = rig.keeper.run(rig.#abort.signal);
    await rig.keeper.tried;
    return rig;
  }

  /** Its answer, and output of it comes to the ear. */
  async session(argv: readonly [string, ...string[]], more: Partial<TerminalOrder> = {}): Promise<RigSession> {
    const made = await this.tryOpen(argv, more);
    if (!made.ok) throw new Error(`${made.error.code}: ${made.error.detail}`);
    return new RigSession(this, made.value);
  }

  /** What the control plane asks, as far as it concerns sessions. */
  async actions(over: Partial<CarriedSessionsDeps> = {}): Promise<ReturnType<typeof carriedSessions>> {
    const { signal } = this.#abort;
    const hand = new Hand(this.shell, "");
    const facts = await hand.facts(signal);
    if (!facts.ok) throw new Error(facts.error.detail);
    const detector = new Detector({ env: () => ({ PATH: "" }), overrides: {}, clock: systemClock, signal });
    return carriedSessions({
      keeper: this.keeper,
      terminals: this.terminals,
      hand,
      isolated: this.isolated,
      catalogue: new TypeCatalogue([], detector, () => undefined),
      policy: openPolicy,
      record,
      facts: () => facts.value,
      program: () => undefined,
      draining: () => false,
      clock: systemClock,
      log: silentLog,
      signal,
      ...over,
    });
  }

  tryOpen(argv: readonly [string, ...string[]], more: Partial<TerminalOrder> = {}): Promise<Result<SessionInfo>> {
    const id: SessionId = makeId("session", Date.now(), randomBytes(10));
    return this.terminals.open({
      id,
      name: id,
      orNumbered: undefined,
      argv,
      cwd: this.home,
      env: {},
      agent: undefined,
      size: { cols: 80, rows: 24 },
      backend: "auto",
      ...more,
    });
  }

  /** Everything that goes through it now breaks; `down`: nothing gets through any more. */
  async cut(down: boolean): Promise<void> {
    if (down) await new Promise<void>((resolve) => (this.#line.close(() => resolve()), this.#breakAll()));
    else this.#breakAll();
  }

  async mend(): Promise<void> {
    const { port } = this;
    await new Promise<void>((resolve) => this.#line.listen(port, "127.0.0.1", resolve));
  }

  #port: number | undefined;
  get port(): number {
    const address = this.#line.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
    return this.#port ?? 0;
  }

  /** Once the keeper has heard of it. */
  async known(id: string): Promise<SessionInfo> {
    await this.ear.until(() => this.keeper.session(id) !== undefined);
    const session = this.keeper.session(id);
    if (session === undefined) throw new Error("it is not known");
    return session;
  }

  tmux(...argv: string[]): string {
    return execFileSync("tmux", ["-L", "maestro", ...argv], { env: { ...process.env, TMUX_TMPDIR: this.#dir }, encoding: "utf8" });
  }

  #breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #target(): SshTarget {
    const { port } = this;
    return this.#sshd.target({ port, hostKeyAlias: `[127.0.0.1]:${this.#sshd.port}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.keeper.client();
    if (client.ok) await Promise.all(this.keeper.sessions.map(({ id }) => client.value.kill(id, true)));
    await Promise.all(this.files.sessions().map((id) => this.terminals.end(id, true)));
    this.#abort.abort();
    await this.#running;
    await this.#holder.dispose();
    this.#breakAll();
    this.#line.close();
    await this.#sshd[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class RigSession {
  readonly #rig: Pick<TerminalRig, "keeper" | "ear">;
  readonly info: SessionInfo;

  constructor(rig: Pick<TerminalRig, "keeper" | "ear">, info: SessionInfo) {
    this.#rig = rig;
    this.info = info;
  }

  get #client() {
    const client = this.#rig.keeper.client();
    if (!client.ok) throw new Error(client.error.detail);
    return client.value;
  }

  /** Its screen as text, once it holds `what`. */
  async shows(what: string | RegExp, withinMs = 20_000): Promise<string> {
    let text = "";
    for (const untilMs = Date.now() + withinMs; Date.now() < untilMs;) {
      const screen = await this.#client.screen(this.info.id, "text");
      text = screen.ok ? Buffer.from(screen.value.bytes).toString("utf8") : screen.error.detail;
      if (typeof what === "string" ? text.includes(what) : what.test(text)) return text;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`it does not show ${String(what)}, but:\n${text}`);
  }

  type(input: string | Uint8Array): void {
    this.#client.input(this.info.id, typeof input === "string" ? Buffer.from(input) : input);
  }

  resize(cols: number, rows: number) {
    return this.#client.resize(this.info.id, cols, rows);
  }

  /** Everything it says from here on comes to the rig's ear. */
  watch() {
    return this.#client.subscribe(this.info.id, { credit: 1024 ** 3, from: { epoch: this.info.epoch, offset: 0 } });
  }

  kill(force = false) {
    return this.#client.kill(this.info.id, force);
  }

  async ended(): Promise<NonNullable<SessionInfo["end"]>> {
    await this.#rig.ear.until(() => this.#rig.keeper.session(this.info.id)?.end !== undefined);
    const end = this.#rig.keeper.session(this.info.id)?.end;
    if (end === undefined) throw new Error("it has not ended");
    return end;
  }
}

const which = (name: string): string => execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
