/** One remote host: a link of its own while it can be reached, and what the control plane asks of it done there. */
import { mkdirSync } from "node:fs";
import * as path from "node:path";
import type { CarriedHost as Carried } from "@maestro/shared/contract/remote-hosts";
import { maestroError } from "@maestro/shared/errors";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { err, ok, type Result } from "@maestro/shared/result";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { pause, type Clock } from "../daemon/clock.ts";
import { HolderKeeper, type OpenHolder } from "../daemon/holder-keeper.ts";
import { HostKeys } from "../daemon/host-keys.ts";
import type { KeyPair } from "../daemon/identity.ts";
import type { Log } from "../daemon/log.ts";
import type { Policy } from "../daemon/policy.ts";
import type { HostActions } from "../link/dispatch.ts";
import { helloFrames, inventoryFrames, sessionsFrames } from "../link/hello.ts";
import { Link, type LinkTarget } from "../link/link.ts";
import { ServerTime } from "../link/server-time.ts";
import type { RunningTasks } from "../tasks/linked-tasks.ts";
import { Terminals } from "../terminal/terminals.ts";
import type { SshTarget } from "../transports/ssh-target.ts";
import { carriedSessions } from "./carried-sessions.ts";
import { CarriedTerminals } from "./carried-terminals.ts";
import { Hand, type RemoteFacts } from "./hand.ts";
import { IsolatedEngine } from "./isolated-engine.ts";
import { Places } from "./place.ts";
import { readFilesThere } from "./remote-files.ts";
import { resolveThere } from "./remote-plan.ts";
import { RemotePrograms } from "./remote-programs.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { createRemoteTasks } from "./remote-tasks.ts";
import { createShownAgents } from "./shown-agents.ts";
import { TerminalFiles } from "./terminal-file.ts";

export interface CarriedKeys {
  signing: KeyPair;
  sealing: KeyPair;
}

export interface CarriedHostDeps {
  carried: Carried;
  shell: RemoteShell;
  /** Of a container there; `none`: of the machine itself. */
  containerShell(container: string): RemoteShell;
  sshTarget(): Promise<Result<SshTarget>>;
  /** A script there that sees the ssh-agent of this machine. */
  openWithAgent: RemoteShell["open"];
  /** What is known of failures to reach it is forgotten. */
  forgive(): Promise<void>;
  /** Keys of hosts that somebody accepted here. */
  hostKeysFile: string;
  /** Of this machine: it holds the sessions there as well. */
  openHolder: OpenHolder;
  /** argv that starts this program. */
  program: readonly string[];
  /** Sets PATH there, so that agent CLIs are found. */
  prelude: string;
  /** Below it is everything that is kept here of it. */
  dir: string;
  keys: CarriedKeys;
  /** Hands the keys in; once more is as good. */
  enrol(signal: AbortSignal): Promise<Result<void>>;
  target(): LinkTarget;
  start: number;
  version: string;
  instance: string;
  bootId: string;
  policy: Policy;
  typeDirs: readonly string[];
  ownEnv: Readonly<Record<string, string | undefined>>;
  maxConcurrent: number;
  minFreeBytes: number;
  logLimitBytes: number;
  clock: Clock;
  timeScale: number;
  log: Log;
  registryVersion(version: number): void;
}

/** While it can be reached it is looked at so often; agent CLIs come and go by other hands. */
const LOOK_MS = 60_000;
const AGAIN_MS = 2_000;
const AGAIN_MAX_MS = 60_000;
/** Looks that failed in a row after which it counts as away. */
const AWAY_AFTER = 2;

export class CarriedHost {
  readonly #deps: CarriedHostDeps;
  readonly #hand: Hand;
  readonly #programs = new RemotePrograms();
  readonly #catalogue: TypeCatalogue;
  #facts: RemoteFacts | undefined;
  #link: Link | undefined;
  #draining = false;
  #again = new AbortController();

  constructor(deps: CarriedHostDeps) {
    this.#deps = deps;
    const { clock, timeScale, log, openWithAgent: open } = deps;
    this.#hand = new Hand(deps.shell, deps.prelude, (script) => createShownAgents({ open, script, clock, timeScale, log }));
    this.#catalogue = new TypeCatalogue(deps.typeDirs, this.#programs, (name) => this.#programs.locate(name));
  }

  /** Until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timeScale, log, carried } = this.#deps;
    let failures = 0;
    while (!signal.aborted) {
      this.#again = new AbortController();
      const reached = await this.#reach(signal);
      if (reached.ok) {
        failures = 0;
        log.info("a remote host is reached", { host: carried.name, address: carried.record.address });
        await this.#carry(reached.value, signal);
      } else {
        if (failures === 0) log.warn("a remote host cannot be reached", { host: carried.name, why: reached.error.detail });
        failures += 1;
      }
      const sooner = AbortSignal.any([signal, this.#again.signal]);
      await pause(clock, Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** Math.min(failures, 5)) * timeScale, sooner);
    }
  }

  /** Somebody has seen to it: it is not waited for the next try. */
  async tryAgain(): Promise<void> {
    await this.#deps.forgive();
    this.#again.abort();
  }

  async #reach(signal: AbortSignal): Promise<Result<RemoteFacts>> {
    const looked = await this.#look(signal);
    if (!looked.ok) return looked;
    const enrolled = await this.#deps.enrol(signal);
    return enrolled.ok ? looked : enrolled;
  }

  async #look(signal: AbortSignal): Promise<Result<RemoteFacts>> {
    const facts = await this.#hand.facts(signal);
    if (!facts.ok) return facts;
    this.#facts = facts.value;
    this.#catalogue.refresh();
    const own = this.#catalogue.types.flatMap(({ type }) => type.argv?.[0] ?? []);
    const programs = await this.#hand.programs(this.#programs.asked(own), signal);
    if (!programs.ok) return programs;
    this.#programs.learn(programs.value);
    return facts;
  }

  /** Until it is away, or nobody wants it any more. What runs there goes on. */
  async #carry(facts: RemoteFacts, signal: AbortSignal): Promise<void> {
    const away = new AbortController();
    const both = AbortSignal.any([signal, away.signal]);
    const { clock, timeScale, log, start, keys, target, version } = this.#deps;
    const serverTime = new ServerTime(clock);
    const tasks = this.#tasks(facts, () => serverTime.offsetMs(), both);
    const terminals = new Terminals({ clock, log });
    const keeper: HolderKeeper = this.#keeper(
      terminals,
      () => serverTime.offsetMs(),
      () => void sessions.sweep(),
    );
    const sessions: CarriedTerminals = this.#terminals(keeper, both);
    const holding = keeper.run(both);
    await keeper.tried;
    const link: Link = new Link({
      target,
      keys: new HostKeys(keys.signing, undefined),
      serverTime,
      start,
      clock,
      timeScale,
      random: Math.random,
      log,
      actions: this.#actions(keeper, sessions, facts, both, (serverTimeMs) => serverTime.learn(serverTimeMs)),
      tasks,
      terminals,
      hello: () => helloFrames(this.#hello(version), keeper.sessions, serverTime.offsetMs()),
      afterWelcome: () => [...this.#inventory, ...tasks.reports()],
      changed: (ms, stopped) => pause(clock, Math.min(ms, AGAIN_MAX_MS * timeScale), stopped),
      stateChanged: (state) => log.debug("the link of a remote host", { host: this.#deps.carried.name, state: state.type }),
    });
    this.#link = link;
    await this.#tellInventory();
    const looking = this.#untilAway(sessions, both).then(() => away.abort());
    await Promise.all([link.run(both), tasks.run(both), looking, holding]);
    this.#link = undefined;
    terminals.dispose();
  }

  async #untilAway(sessions: CarriedTerminals, signal: AbortSignal): Promise<void> {
    const { clock, timeScale, log, carried } = this.#deps;
    await sessions.sweep();
    for (let failures = 0; failures < AWAY_AFTER && !signal.aborted;) {
      await pause(clock, (failures === 0 ? LOOK_MS : AGAIN_MS) * timeScale, signal);
      if (signal.aborted) return;
      const looked = await this.#look(signal);
      failures = looked.ok ? 0 : failures + 1;
      if (looked.ok) {
        await this.#tellInventory();
        await sessions.sweep();
      } else if (failures === AWAY_AFTER) log.warn("a remote host is away", { host: carried.name, why: looked.error.detail });
    }
  }

  #inventory: HostFrame[] = [];

  /** Nothing is told that is as it was. */
  async #tellInventory(): Promise<number> {
    const types = await this.#catalogue.report();
    const frames = inventoryFrames(types);
    if (JSON.stringify(frames) !== JSON.stringify(this.#inventory)) {
      this.#inventory = frames;
      if (this.#link?.state.type === "up") for (const frame of frames) this.#link.send(frame);
    }
    return types.length;
  }

  #tasks(facts: RemoteFacts, offsetMs: () => number, signal: AbortSignal): RunningTasks {
    const { dir, clock, timeScale, log, keys, bootId, maxConcurrent, minFreeBytes, logLimitBytes, policy, ownEnv, carried } = this.#deps;
    const attemptsDir = path.join(dir, "attempts");
    mkdirSync(attemptsDir, { recursive: true, mode: 0o700 });
    return createRemoteTasks({
      attemptsDir,
      bootId,
      clock,
      timeScale,
      log,
      hand: this.#hand,
      engine: new IsolatedEngine({ shell: this.#deps.shell, base: undefined, host: carried.id }),
      places: new Places({
        shellOf: (container) => this.#deps.containerShell(container),
        prelude: this.#deps.prelude,
        typeDirs: this.#deps.typeDirs,
        policy,
        ownEnv,
        // Its directory override is one of the machine.
        record: { env: carried.record.env },
        clock,
        timeScale,
        log,
      }),
      plan: () => ({
        catalogue: this.#catalogue,
        policy,
        ownEnv,
        record: carried.record,
        facts: this.#facts ?? facts,
        program: (adapter) => this.#programs.program(adapter),
      }),
      sealing: keys.sealing,
      maxConcurrent,
      minFreeBytes,
      logLimitBytes,
      draining: () => this.#draining,
      offsetMs,
      send: (frame) => this.#link?.send(frame),
      passed: () => {},
      signal,
    });
  }

  #hello(agentVersion: string): Parameters<typeof helloFrames>[0] {
    const { instance, bootId, policy, maxConcurrent } = this.#deps;
    const facts = this.#facts;
    return {
      versions: VERSIONS,
      agentVersion,
      instance,
      bootId,
      platform: {
        os: (facts?.os ?? "linux").slice(0, 32),
        arch: (facts?.arch ?? "").slice(0, 32),
        release: (facts?.release ?? "").slice(0, 128),
        hostname: (facts?.hostname ?? "").slice(0, 255),
        // None of ours runs there.
        node: "",
        cpus: facts?.cpus ?? 1,
        memoryBytes: facts?.memoryBytes ?? 0,
        ...(facts?.tmux === undefined ? {} : { tmux: facts.tmux.slice(0, 32) }),
      },
      capabilities: [...(facts?.has ?? []), `tasks:${maxConcurrent}`, "remote"],
      policyDigest: policy.digest,
      roots: facts === undefined ? [] : [facts.home],
    };
  }

  #keeper(terminals: Terminals, offsetMs: () => number, ended: () => void): HolderKeeper {
    const { openHolder, clock, log, carried } = this.#deps;
    return new HolderKeeper(
      openHolder,
      {
        up: (client) => terminals.holderUp(client),
        down: () => terminals.holderDown(),
        output: (event) => terminals.output(event),
        snapshot: (event) => terminals.snapshot(event),
        gap: (event) => terminals.gap(event),
        epoch: (event) => terminals.epoch(event),
        inputRefused: ({ session, error }) => terminals.inputRefused(session, error),
        changed: (upsert, removed) => {
          for (const frame of sessionsFrames(upsert, removed, offsetMs())) this.#link?.send(frame);
          if (upsert.some(({ end }) => end !== undefined)) ended();
        },
      },
      clock,
      log,
      carried.id,
    );
  }

  #terminals(keeper: HolderKeeper, signal: AbortSignal): CarriedTerminals {
    const { carried, dir, shell, prelude, sshTarget, hostKeysFile, program, ownEnv, timeScale, log } = this.#deps;
    const { container } = carried.record;
    return new CarriedTerminals({
      host: carried,
      container: container === "none" || container === "auto" ? undefined : container,
      keeper,
      files: new TerminalFiles(path.join(dir, "terminals")),
      shell,
      prelude,
      sshTarget,
      hostKeysFile,
      program,
      env: ownEnv,
      timeScale,
      log,
      signal,
    });
  }

  #actions(
    keeper: HolderKeeper,
    terminals: CarriedTerminals,
    facts: RemoteFacts,
    signal: AbortSignal,
    welcomed: (serverTimeMs: number) => void,
  ): HostActions {
    const { policy, carried } = this.#deps;
    return {
      ...carriedSessions({
        keeper,
        terminals,
        hand: this.#hand,
        catalogue: this.#catalogue,
        policy,
        record: carried.record,
        facts: () => this.#facts ?? facts,
        program: (adapter) => this.#programs.program(adapter),
        draining: () => this.#draining,
        signal,
      }),
      ensureWorkspace: async ({ path: asked }) => {
        const dir = resolveThere(asked, this.#facts, "workspace");
        return dir.ok ? this.#hand.ensure(dir.value, signal) : dir;
      },
      detect: async () => {
        const looked = await this.#look(signal);
        return looked.ok ? ok({ types: await this.#tellInventory() }) : looked;
      },
      readFiles: (frame, blob) => readFilesThere(frame, { shell: this.#deps.shell, policy, facts: this.#facts ?? facts, signal }, blob),
      checkHost: () => Promise.resolve(err(maestroError("type_unknown", "A remote host reaches no others."))),
      welcome: (frame) => {
        this.#draining = frame.draining;
        welcomed(frame.serverTimeMs);
        this.#deps.registryVersion(frame.registryVersion);
      },
      registry: (version) => this.#deps.registryVersion(version),
      drain: (draining) => {
        this.#draining = draining;
      },
    };
  }
}
