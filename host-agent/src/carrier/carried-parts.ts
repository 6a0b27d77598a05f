/** Of what a remote host's link is made: tasks, sessions and answers there, and what it says of the machine. */
import { mkdirSync } from "node:fs";
import * as path from "node:path";
import { maestroError } from "@maestro/shared/errors";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { VERSIONS } from "@maestro/shared/protocol/version";
import { err, ok } from "@maestro/shared/result";
import { KNOWN_NEEDS } from "@maestro/shared/protocol/task-needs";
import type { HolderKeeper } from "../daemon/holder-keeper.ts";
import type { HostActions } from "../link/dispatch.ts";
import type { helloFrames } from "../link/hello.ts";
import type { ImageSource } from "../tasks/image-source.ts";
import type { CarriedHostDeps } from "./carried-host-deps.ts";
import type { CarriedMachine } from "./carried-machine.ts";
import { carriedSessions } from "./carried-sessions.ts";
import { CarriedTerminals } from "./carried-terminals.ts";
import type { RemoteFacts } from "./hand.ts";
import { IsolatedEngine } from "./isolated-engine.ts";
import type { Isolated, IsolatingTasks } from "./isolated-work.ts";
import { Places } from "./place.ts";
import { readFilesThere } from "./remote-files.ts";
import { resolveThere } from "./remote-plan.ts";
import { createRemoteTasks } from "./remote-tasks.ts";
import { TerminalFiles } from "./terminal-file.ts";

/** As long as the host is reached. */
export interface CarriedLine {
  deps: CarriedHostDeps;
  machine: CarriedMachine;
  /** Of the machine, as it was last seen. */
  facts(): RemoteFacts;
  draining(): boolean;
  drain(draining: boolean): void;
  /** Server − host, ms. */
  offsetMs(): number;
  images: ImageSource;
  send(frame: HostFrame): void;
  signal: AbortSignal;
}

export function carriedTasks({ deps, machine, facts, draining, offsetMs, images, send, signal }: CarriedLine): IsolatingTasks {
  const { dir, clock, timeScale, log, keys, bootId, maxConcurrent, minFreeBytes, logLimitBytes, policy, ownEnv, carried } = deps;
  const { shell, containerShell, prelude, typeDirs } = deps;
  const { hand, catalogue } = machine;
  const attemptsDir = path.join(dir, "attempts");
  mkdirSync(attemptsDir, { recursive: true, mode: 0o700 });
  const files = filesOf(deps);
  return createRemoteTasks({
    attemptsDir,
    bootId,
    clock,
    timeScale,
    log,
    hand,
    engine: new IsolatedEngine({ shell, base: undefined, host: carried.id }),
    sessions: () => files.isolated(),
    places: new Places({
      shellOf: containerShell,
      prelude,
      typeDirs,
      policy,
      ownEnv,
      // Its directory override is one of the machine.
      record: { env: carried.record.env },
      clock,
      timeScale,
      log,
    }),
    plan: () => ({ catalogue, policy, ownEnv, record: carried.record, facts: facts(), program: (adapter) => machine.program(adapter) }),
    sealing: keys.sealing,
    images,
    maxConcurrent,
    minFreeBytes,
    logLimitBytes,
    draining,
    offsetMs,
    send,
    passed: () => {},
    signal,
  });
}

export function carriedHello(
  { instance, bootId, policy, maxConcurrent, version }: CarriedHostDeps,
  facts: RemoteFacts,
): Parameters<typeof helloFrames>[0] {
  return {
    versions: VERSIONS,
    agentVersion: version,
    instance,
    bootId,
    platform: {
      os: facts.os.slice(0, 32),
      arch: facts.arch.slice(0, 32),
      release: facts.release.slice(0, 128),
      hostname: facts.hostname.slice(0, 255),
      // None of ours runs there.
      node: "",
      cpus: facts.cpus,
      memoryBytes: facts.memoryBytes,
      ...(facts.tmux === undefined ? {} : { tmux: facts.tmux.slice(0, 32) }),
    },
    capabilities: [...facts.has, `tasks:${maxConcurrent}`, ...KNOWN_NEEDS, "remote"],
    policyDigest: policy.digest,
    roots: [facts.home],
  };
}

const filesOf = ({ dir }: CarriedHostDeps): TerminalFiles => new TerminalFiles(path.join(dir, "terminals"));

export function carriedTerminals({ deps, signal }: CarriedLine, keeper: HolderKeeper, isolated: Isolated): CarriedTerminals {
  const { carried, shell, containerShell, prelude, sshTarget, hostKeysFile, program, ownEnv, timeScale, log } = deps;
  const { container } = carried.record;
  return new CarriedTerminals({
    host: carried,
    container: container === "none" || container === "auto" ? undefined : container,
    keeper,
    files: filesOf(deps),
    shellOf: (name) => (name === undefined ? shell : containerShell(name)),
    wipe: (name, session) => isolated.wipe(name, "terminals", session),
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

export interface ActionDeps {
  keeper: HolderKeeper;
  terminals: CarriedTerminals;
  isolated: Isolated;
  /** Answers how many types there are. */
  tellInventory(): Promise<number>;
  welcomed(serverTimeMs: number): void;
}

const reachesNone = () => Promise.resolve(err(maestroError("type_unknown", "A remote host reaches no others.")));

export function carriedActions(line: CarriedLine, { keeper, terminals, isolated, tellInventory, welcomed }: ActionDeps): HostActions {
  const { deps, machine, facts, draining, drain, signal } = line;
  const { policy, carried, shell, registryVersion, clock, log } = deps;
  const { hand, catalogue } = machine;
  const program: CarriedMachine["program"] = (adapter) => machine.program(adapter);
  return {
    ...carriedSessions({
      keeper,
      terminals,
      isolated,
      hand,
      catalogue,
      policy,
      record: carried.record,
      facts,
      program,
      draining,
      clock,
      log,
      signal,
    }),
    ensureWorkspace: async ({ path: asked }) => {
      const dir = resolveThere(asked, facts(), "workspace");
      return dir.ok ? hand.ensure(dir.value, signal) : dir;
    },
    detect: async () => {
      const looked = await machine.look(signal);
      return looked.ok ? ok({ types: await tellInventory() }) : looked;
    },
    readFiles: (frame, blob) => readFilesThere(frame, { shell, policy, facts: facts(), signal }, blob),
    checkHost: reachesNone,
    listSshConfig: reachesNone,
    welcome: (frame) => {
      drain(frame.draining);
      welcomed(frame.serverTimeMs);
      registryVersion(frame.registryVersion);
    },
    registry: registryVersion,
    drain,
  };
}
