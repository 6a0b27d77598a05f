/** Sessions in containers of their own, and tasks beside them, without a link around them: a real engine, a real holder. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import type { AgentTypeFile } from "@maestro/shared/contract/agent-types";
import { checkAgentType } from "@maestro/shared/contract/check-agent-type";
import { makeId, type SessionId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { Result } from "@maestro/shared/result";
import type { AgentSpec } from "../../adapters/launch.ts";
import { systemClock } from "../../daemon/clock.ts";
import { HolderKeeper } from "../../daemon/holder-keeper.ts";
import { silentLog } from "../../daemon/log.ts";
import type { Late } from "../../daemon/start-late.ts";
import { connectHolder } from "../../holder/connect.ts";
import { Ear, HolderFixture } from "../../holder/testing/fixture.ts";
import { holderHooks } from "../../terminal/holder-hooks.ts";
import { Terminals } from "../../terminal/terminals.ts";
import { standaloneTasks, type Standalone } from "../../tasks/testing/standalone.ts";
import { REMOTE_PATH } from "../../transports/ssh/remote-path.ts";
import { containerShell } from "../container-shell.ts";
import { ContainedSessions } from "../contained-sessions.ts";
import { containerName } from "../isolated-type.ts";
import { engineEnv, processShell } from "../process-shell.ts";
import type { RemoteShell } from "../remote-shell.ts";
import { TerminalFiles } from "../terminal-file.ts";
import { RigSession } from "./terminal-rig.ts";

export class ContainedRig implements AsyncDisposable {
  readonly dir = mkdtempSync(path.join(tmpdir(), "mcon-"));
  readonly holder = new HolderFixture();
  readonly files = new TerminalFiles(path.join(this.dir, "terminals"));
  readonly #env: Readonly<Record<string, string | undefined>>;
  #abort = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  ear = new Ear();
  keeper!: HolderKeeper;
  sessions!: ContainedSessions;
  /** Of the machine, as sessions use it. */
  shell!: RemoteShell;
  host!: Standalone;

  readonly image: string;
  backend: "auto" | "pty" = "auto";
  late: Late = () => undefined;

  private constructor(engine: Readonly<Record<string, string>>, image: string) {
    this.#env = { ...process.env, ...engine };
    this.image = image;
    mkdirSync(this.workspace, { recursive: true });
  }

  /** @param engine its environment. */
  static async open(engine: Readonly<Record<string, string>>, image: string): Promise<ContainedRig> {
    const rig = new ContainedRig(engine, image);
    await rig.holder.start();
    await rig.#begin(0.2);
    return rig;
  }

  async #begin(timeScale: number): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.ear = new Ear();
    const { ear } = this;
    const hooks = holderHooks(new Terminals({ clock: systemClock, log: silentLog }), (upsert, removed) => {
      ear.sessions({ upsert, removed });
      if (upsert.some(({ end }) => end !== undefined)) void this.sessions.sweep();
    });
    this.keeper = new HolderKeeper((events, stopped) => connectHolder(this.holder.paths, events, stopped), hooks, systemClock, silentLog);
    this.host = standaloneTasks(this.dir, { timeScale, sessions: () => this.files.isolated() }, this.#env);
    const shell = processShell(() => this.#env, systemClock);
    this.shell = shell;
    this.sessions = new ContainedSessions({
      keeper: this.keeper,
      files: this.files,
      isolated: this.host.tasks.isolated,
      shellOf: (container) => (container === undefined ? shell : containerShell(shell, container)),
      prelude: REMOTE_PATH,
      engineEnv: engineEnv(this.#env),
      clock: systemClock,
      timeScale,
      log: silentLog,
      signal,
    });
    this.#running = Promise.all([this.keeper.run(signal), this.sessions.run(signal)]);
    await this.keeper.tried;
  }

  async #end(): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#running, this.host.stop()]);
  }

  /** Another host-agent comes after this one; what runs goes on. */
  async again(timeScale = 0.2): Promise<void> {
    await this.#end();
    await this.#begin(timeScale);
  }

  get workspace(): string {
    return path.join(this.dir, "ws", "given");
  }

  get container(): string {
    return containerName("hst_standalone", this.workspace);
  }

  /** A type whose sessions run what they are told, and whose tasks do. */
  boxed(type: Partial<AgentTypeFile> = {}): AgentTypeFile {
    return { slug: "boxed", adapter: "custom", argv: ["sh", "-c", "{{prompt}}"], isolate_with: "docker", image: this.image, ...type };
  }

  /** @param script of a shell inside. */
  tryStart(script: string, type: Partial<AgentTypeFile> = {}, more: Partial<AgentSpec> = {}): Promise<Result<SessionInfo>> {
    const definition = this.boxed(type);
    const checked = checkAgentType(definition);
    if (!checked.ok) throw new Error(checked.error.detail);
    const id: SessionId = makeId("session", Date.now(), randomBytes(10));
    const agent = { id: "agt_boxed", name: "boxed", type: "boxed", workspace: this.workspace, args: [script], env: {}, ...more };
    return this.sessions.start({
      id,
      agent,
      type: checked.value,
      workspace: this.workspace,
      size: { cols: 80, rows: 24 },
      backend: this.backend,
      late: () => this.late(),
    });
  }

  async start(script: string, type: Partial<AgentTypeFile> = {}, more: Partial<AgentSpec> = {}): Promise<RigSession> {
    const made = await this.tryStart(script, type, more);
    if (!made.ok) throw new Error(`${made.error.code}: ${made.error.detail}`);
    return new RigSession(this, made.value);
  }

  /** As the link does it. */
  async kill({ info }: RigSession, force = false): Promise<void> {
    const client = this.keeper.client();
    if (!client.ok) throw new Error(client.error.detail);
    const [, ended] = await Promise.all([client.value.kill(info.id, force), this.sessions.end(info.id, force)]);
    if (!ended.ok) throw new Error(ended.error.detail);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.keeper.client();
    if (client.ok) await Promise.all(this.keeper.sessions.map(({ id }) => client.value.kill(id, true)));
    await this.#end();
    await this.holder.dispose();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
