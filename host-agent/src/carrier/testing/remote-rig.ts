/** A remote host's tasks without a link around them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { makeId } from "@maestro/shared/ids";
import type { HostFrame } from "@maestro/shared/protocol/link";
import type { AttemptEnd, AttemptSpec, AttemptStatus } from "@maestro/shared/protocol/tasks";
import { randomBytes } from "node:crypto";
import { Detector } from "../../adapters/detect.ts";
import { TypeCatalogue } from "../../adapters/types/catalogue.ts";
import { systemClock } from "../../daemon/clock.ts";
import { generateSealingKey } from "../../daemon/identity.ts";
import { silentLog } from "../../daemon/log.ts";
import { openPolicy, type Policy } from "../../daemon/policy.ts";
import type { RunningTasks } from "../../tasks/linked-tasks.ts";
import { noImages } from "../../tasks/testing/images.ts";
import { seal } from "../../tasks/testing/sealed.ts";
import { Hand, type RemoteFacts } from "../hand.ts";
import { IsolatedEngine } from "../isolated-engine.ts";
import { Places } from "../place.ts";
import type { RemoteShell } from "../remote-shell.ts";
import type { ShownAgents } from "../shown-agents.ts";
import { createRemoteTasks, type RemoteTasksDeps } from "../remote-tasks.ts";
import { LocalShell } from "./local-shell.ts";

const undos: (() => Promise<void>)[] = [];

export async function undoAll(): Promise<void> {
  for (const undo of undos.splice(0).toReversed()) await undo();
}

const record: RemoteRecord = {
  transport: "ssh",
  address: "there",
  sshConfig: false,
  options: {},
  env: { FROM_RECORD: "yes" },
  container: "none",
};

export interface RigOptions {
  shell?: readonly string[];
  record?: Partial<RemoteRecord>;
  policy?: Policy;
  /** Of the far side; default: one of its own. */
  home?: string;
  agents?: (script: string) => ShownAgents;
  /** Default: what is asked of a container is asked of the machine. */
  shellOf?: (container: string) => RemoteShell;
  deps?: Partial<RemoteTasksDeps>;
}

export class RemoteRig {
  readonly home: string;
  readonly line: LocalShell;
  readonly sent: HostFrame[] = [];
  readonly sealing = generateSealingKey();
  readonly #dir: string;
  readonly #options: RigOptions;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #facts: RemoteFacts | undefined;
  tasks!: RunningTasks;

  private constructor(options: RigOptions) {
    this.#options = options;
    this.#dir = mkdtempSync(path.join(tmpdir(), "maestro-remote-"));
    this.home = options.home ?? path.join(this.#dir, "home");
    mkdirSync(path.join(this.#dir, "attempts"));
    mkdirSync(this.home, { recursive: true });
    this.line = new LocalShell(this.home, options.shell);
  }

  static async open(options: RigOptions = {}): Promise<RemoteRig> {
    const rig = new RemoteRig(options);
    undos.push(async () => {
      await rig.stop();
      rmSync(rig.#dir, { recursive: true, force: true });
    });
    await rig.begin();
    return rig;
  }

  /** A new life of the carrier. */
  async begin(): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const hand = new Hand(this.line, "", this.#options.agents);
    const facts = await hand.facts(signal);
    if (!facts.ok && this.#facts === undefined) throw new Error(facts.error.detail);
    const known = facts.ok ? facts.value : this.#facts;
    if (known === undefined) throw new Error("no facts");
    this.#facts = known;
    const env = () => ({ PATH: process.env["PATH"] ?? "" });
    const detector = new Detector({ env, overrides: {}, clock: systemClock, signal });
    this.tasks = createRemoteTasks({
      attemptsDir: path.join(this.#dir, "attempts"),
      bootId: "here",
      clock: systemClock,
      timeScale: 0.05,
      log: silentLog,
      hand,
      engine: new IsolatedEngine({ shell: this.line, base: undefined, host: "hst_there" }),
      places: new Places({
        shellOf: this.#options.shellOf ?? (() => this.line),
        prelude: "",
        typeDirs: [],
        policy: openPolicy,
        ownEnv: process.env,
        record,
        clock: systemClock,
        timeScale: 0.05,
        log: silentLog,
      }),
      sessions: () => new Set(),
      plan: () => ({
        catalogue: new TypeCatalogue([], detector, () => undefined),
        policy: this.#options.policy ?? openPolicy,
        ownEnv: process.env,
        record: { ...record, ...this.#options.record },
        facts: known,
        program: () => undefined,
      }),
      sealing: this.sealing,
      images: noImages,
      maxConcurrent: 8,
      minFreeBytes: 0,
      logLimitBytes: 1024 ** 3,
      draining: () => false,
      offsetMs: () => 0,
      send: (frame) => void this.sent.push(frame),
      passed: () => {},
      signal,
      ...this.#options.deps,
    });
    this.#running = this.tasks.run(signal);
  }

  /** What is kept here of them. */
  get attempts(): string {
    return path.join(this.#dir, "attempts");
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  log(attempt: string): string {
    const file = path.join(this.#dir, "attempts", attempt, "agent.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  async until(holds: () => boolean, withinMs = 20_000): Promise<void> {
    for (const untilMs = Date.now() + withinMs; !holds();) {
      if (Date.now() > untilMs) throw new Error("it did not come true");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  task(command: readonly string[] | undefined, more: Partial<AttemptSpec> = {}): RemoteTask {
    return new RemoteTask(this, command, more);
  }
}

export class RemoteTask {
  readonly spec: AttemptSpec;
  readonly #rig: RemoteRig;

  constructor(rig: RemoteRig, command: readonly string[] | undefined, more: Partial<AttemptSpec>) {
    this.#rig = rig;
    const id = (kind: "task" | "attempt") => makeId(kind, Date.now(), randomBytes(10));
    this.spec = {
      task: id("task"),
      attempt: id("attempt"),
      fence: 1,
      n: 1,
      ...(command === undefined ? {} : { command: [...command] }),
      workspace: { mode: "default" },
      env: {},
      hostEnv: [],
      secretNames: [],
      timeoutMs: 60_000,
      trace: false,
      ...more,
    };
  }

  get attempt(): string {
    return this.spec.attempt;
  }

  async offer() {
    const { attempt, fence } = this.spec;
    const answer = await this.#rig.tasks.offer({ t: "task.offer", id: 1, attempt, fence, spec: this.spec }, undefined);
    if (!answer.ok) throw new Error(answer.error.detail);
    return answer.value;
  }

  async start(secrets: Record<string, string> = {}): Promise<AttemptStatus> {
    const { attempt, fence } = this.spec;
    const sealed = Object.keys(secrets).length === 0 ? "" : seal(secrets, this.#rig.sealing, attempt, fence);
    const answer = await this.#rig.tasks.start({ t: "task.start", id: 2, attempt, fence, sealed });
    if (!answer.ok) throw new Error(answer.error.detail);
    return answer.value.status;
  }

  async cancel(graceMs = 1_000): Promise<AttemptStatus> {
    const { attempt, fence } = this.spec;
    const answer = await this.#rig.tasks.cancel({ t: "task.cancel", id: 3, attempt, fence, graceMs, why: "cancelled" });
    if (!answer.ok) throw new Error(answer.error.detail);
    return answer.value.status;
  }

  get status(): AttemptStatus | undefined {
    return this.#rig.tasks
      .reports()
      .flatMap((frame) => (frame.t === "attempts" ? frame.items : []))
      .find(({ attempt }) => attempt === this.attempt)?.status;
  }

  async ended(withinMs = 20_000): Promise<AttemptEnd> {
    await this.#rig.until(() => this.status?.state === "ended", withinMs);
    const { status } = this;
    if (status?.state !== "ended") throw new Error("it has not ended");
    return status.end;
  }
}
