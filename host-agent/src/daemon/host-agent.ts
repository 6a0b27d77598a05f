/** All parts of the daemon, put together and started; `run.ts` adds the process around it. */
import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";
import { LOG_FILE_LIMIT_BYTES } from "@maestro/shared/limits";
import { Detector } from "../adapters/detect.ts";
import { locateProgram } from "../adapters/locate.ts";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { createCarrying } from "../carrier/carrying.ts";
import { containerShell } from "../carrier/container-shell.ts";
import { ContainedSessions } from "../carrier/contained-sessions.ts";
import { engineEnv, processShell } from "../carrier/process-shell.ts";
import { TerminalFiles } from "../carrier/terminal-file.ts";
import type { Settings } from "../config/env.ts";
import { readForwardEnv } from "../config/forward-env.ts";
import { ensurePrivateDir, type Paths } from "../config/paths.ts";
import { baseEnv } from "../holder/launch.ts";
import { helloFrames, sessionsFrames } from "../link/hello.ts";
import { Link, type LinkTarget } from "../link/link.ts";
import { ServerTime } from "../link/server-time.ts";
import { checkServerUrl } from "../link/server-url.ts";
import { createHostTasks } from "../tasks/host-tasks.ts";
import { imageSource } from "../tasks/image-source.ts";
import { holderHooks } from "../terminal/holder-hooks.ts";
import { Terminals } from "../terminal/terminals.ts";
import { REMOTE_PATH } from "../transports/ssh/remote-path.ts";
import { pause, systemClock } from "./clock.ts";
import { helloFacts } from "./facts.ts";
import { createHostActions } from "./host-actions.ts";
import { HostKeys } from "./host-keys.ts";
import { HolderKeeper, type OpenHolder } from "./holder-keeper.ts";
import { lookForNextKey, readIdentity, type Identity, type KeyPair } from "./identity.ts";
import { untilChanged } from "./identity-watch.ts";
import { acquireLock } from "./instance-lock.ts";
import { kept } from "./kept.ts";
import { KeyRotation } from "./key-rotation.ts";
import type { Log } from "./log.ts";
import { trustedOwners } from "./path-owners.ts";
import { readPolicy } from "./policy.ts";
import { readBootId } from "./process-identity.ts";
import { checkRemote } from "./remote-check.ts";
import { Reporter } from "./reporter.ts";
import { listSshConfig } from "./ssh-config-entries.ts";
import { nextStart } from "./start-counter.ts";
import { allowedRoots } from "./workspace.ts";

export interface HostAgentParts {
  paths: Paths;
  settings: Settings;
  /** The running program's version, as `hello` tells it. */
  version: string;
  /**
   * The argv that starts this very program again, through the `current` link where there is one:
   * `[process.execPath, ...process.execArgv, ".../bin.js"]`. The holder and terminals of remote hosts are started with it, and an upgrade
   * executes it with `args`.
   */
  program: readonly string[];
  log: Log;
}

/** How long the first hello waits for the holder: without it every session would look gone. */
const HOLDER_PATIENCE_MS = 10_000;
/** A CLI that was installed is found so soon. */
const SEARCH_PATH_KEPT_MS = 2_000;

export interface RunningHostAgent {
  link: Link;
  /** Never resolves; rejects when a part ended that must not. */
  failed: Promise<never>;
  /** Ends link and connections, never the holder. */
  stop(): Promise<void>;
}

export function startHostAgent(options: HostAgentParts, openHolder: OpenHolder): RunningHostAgent {
  const { paths, settings, version, program, log } = options;
  const { timeScale } = settings;
  const clock = systemClock;
  const uid = process.getuid?.() ?? 0;
  let identity = readJoined(paths);
  for (const dir of [paths.home, paths.hostDir]) ensurePrivateDir(dir, uid);
  const url = checkServerUrl(identity.record.url, [...settings.allowHttp, ...(identity.record.allowHttp ?? [])]);
  if (!url.ok) throw fail(url.error.code, url.error.detail, url.error);
  const policy = { ...readPolicy(paths.policyFile), alsoForward: readForwardEnv(process.env) };
  const lock = acquireLock(paths.daemonLockFile, paths.fallbackLockFile, "host run", version);
  const count = nextStart(paths.startCounterFile, paths.spareCounterFile, clock.wallMs());
  if (count.problem !== undefined) log.error("the state directory takes no writes; going on without", { problem: count.problem });

  const abort = new AbortController();
  const instance = randomBytes(12).toString("base64url");
  const bootId = readBootId();
  const serverTime = new ServerTime(clock);
  const keys = new HostKeys(identity.signing, nextKeyOf(identity));
  const userHome = homedir();
  const rules = {
    roots: allowedRoots({ userHome, workspaceRoot: settings.workspaceRoot, policyRoots: policy.roots }),
    trustedOwners: trustedOwners(uid, [userHome, ...(policy.roots ?? [])]),
    forbidden: [paths.home, paths.configDir, paths.runDir],
    userHome,
  };
  // Which directories of the search path there are is asked of the disk.
  const sessionEnv = kept(() => baseEnv(process.env), SEARCH_PATH_KEPT_MS, clock);
  const searchPath = () => sessionEnv()["PATH"] ?? "";
  const detector = new Detector({ env: sessionEnv, overrides: { kilo: [settings.kilocodeBin] }, clock, signal: abort.signal });
  const catalogue = new TypeCatalogue(paths.agentTypeDirs, detector, (name) => locateProgram([name], searchPath()));
  const terminals = new Terminals({ clock, log });

  const keeper = new HolderKeeper(
    openHolder,
    holderHooks(terminals, (upsert, removed) => {
      for (const frame of sessionsFrames(upsert, removed, serverTime.offsetMs())) link.send(frame);
      if (upsert.some(({ end }) => end !== undefined)) void contained.sweep();
    }),
    clock,
    log,
  );
  const reporter = new Reporter({
    catalogue,
    clock,
    timeScale,
    log,
    dir: paths.home,
    send: (frame) => link.send(frame),
    isUp: () => link.state.type === "up",
  });
  const drain = { draining: false };

  const maxConcurrent = Math.min(settings.maxConcurrent, policy.maxConcurrent ?? settings.maxConcurrent);
  const terminalFiles = new TerminalFiles(path.join(paths.hostDir, "terminals"));
  const tasks = createHostTasks({
    attemptsDir: paths.attemptsDir,
    runnerDir: paths.runnerDir,
    bootId,
    clock,
    timeScale,
    log,
    work: {
      catalogue,
      detector,
      policy,
      place: { rules, root: settings.workspaceRoot, env: sessionEnv() },
      // An agent finds `maestro` where this installation put it.
      baseEnv: () => ({ ...sessionEnv(), PATH: `${searchPath()}:${paths.binDir}` }),
      ownEnv: process.env,
    },
    sealing: () => identity.sealing,
    images: imageSource({ target: () => target(), key: () => keys.active, epoch: () => link.epoch, serverTime, timeScale }),
    isolation: { host: identity.record.hostId, base: paths.home },
    sessions: () => terminalFiles.isolated(),
    typeDirs: paths.agentTypeDirs,
    signal: abort.signal,
    maxConcurrent,
    minFreeBytes: settings.minFreeMb * 1024 * 1024,
    logLimitBytes: policy.logLimitBytes ?? LOG_FILE_LIMIT_BYTES,
    draining: () => drain.draining,
    offsetMs: () => serverTime.offsetMs(),
    send: (frame) => link.send(frame),
    passed: () => {},
  });
  const engineShell = processShell(() => ({ ...sessionEnv(), ...engineEnv(process.env) }), clock);
  const contained: ContainedSessions = new ContainedSessions({
    keeper,
    files: terminalFiles,
    isolated: tasks.isolated,
    shellOf: (container) => (container === undefined ? engineShell : containerShell(engineShell, container)),
    prelude: REMOTE_PATH,
    engineEnv: engineEnv(process.env),
    clock,
    timeScale,
    log,
    signal: abort.signal,
  });
  const hostKeysFile = path.join(paths.hostDir, "known_hosts");
  const claimant = () => ({ hostId: identity.record.hostId, origin: identity.record.origin, instance, bootId });
  const target = (): LinkTarget => ({ url: new URL(identity.record.url), pin: identity.record.pin, claimant: claimant() });

  const actions = createHostActions({
    keeper,
    contained,
    catalogue,
    detector,
    policy,
    rules,
    searchPath,
    attemptIn: (dir) => tasks.workingIn(dir),
    drain,
    clock,
    log,
    detect: () => reporter.detect(),
    async checkRemote(record, accept) {
      const check = await checkRemote(record, accept, { hostKeysFile, env: process.env, policy, clock, signal: abort.signal });
      if (check.ok) await carrying.reachable(record);
      return check;
    },
    listSshConfig: () => listSshConfig({ env: process.env, policy, rules, clock }),
    welcomed: (serverTimeMs) => {
      serverTime.learn(serverTimeMs);
      void rotation.settle();
    },
    registryVersion: (version) => carrying.registryVersion(version),
  });

  const link: Link = new Link({
    target,
    keys,
    serverTime,
    start: count.start,
    clock,
    timeScale,
    random: Math.random,
    log,
    actions,
    tasks,
    terminals,
    hello: () => {
      const facts = helloFacts({
        agentVersion: version,
        instance,
        bootId,
        policyDigest: policy.digest,
        roots: rules.roots,
        maxConcurrent,
        holder: keeper.facts,
        searchPath: searchPath(),
        degraded: count.problem === undefined ? [] : ["state_unwritable"],
      });
      return helloFrames(facts, keeper.sessions, serverTime.offsetMs());
    },
    afterWelcome: () => [...reporter.afterWelcome(), ...tasks.reports()],
    async changed(ms, signal) {
      await untilChanged([paths.identityFile, paths.nextKeyFile, paths.currentLink], ms, clock, timeScale, signal);
      reloadIdentity();
    },
    stateChanged: (state) => log.debug("link", { state: state.type }),
  });

  const carrying = createCarrying({
    dir: path.join(paths.hostDir, "carried"),
    hostKeysFile,
    env: process.env,
    target,
    key: () => keys.active,
    epoch: () => link.epoch,
    serverNowMs: () => serverTime.nowMs(),
    clock,
    timeScale,
    log,
    signal: abort.signal,
    common: {
      openHolder,
      program,
      start: count.start,
      version,
      instance,
      bootId,
      policy,
      typeDirs: paths.agentTypeDirs,
      ownEnv: process.env,
      maxConcurrent,
      minFreeBytes: settings.minFreeMb * 1024 * 1024,
      logLimitBytes: policy.logLimitBytes ?? LOG_FILE_LIMIT_BYTES,
    },
  });

  const rotation = new KeyRotation({
    paths,
    keys,
    serverTime,
    signal: abort.signal,
    clock,
    timeScale,
    log,
    identity: () => identity,
    promoted: (next) => {
      identity = next;
    },
    call: () => ({ claimant: claimant(), epoch: link.epoch }),
    isUp: () => link.state.type === "up",
  });

  /** [F37] One that cannot be used must not keep a host from its fleet. */
  function nextKeyOf(of: Identity): KeyPair | undefined {
    const { key, problem } = lookForNextKey(paths, of);
    if (problem !== undefined) log.warn("the next key cannot be used", { detail: problem.detail, hint: problem.hint });
    return key;
  }

  /** Joined again, or repaired by hand: a damaged file leaves what was known. */
  function reloadIdentity(): void {
    try {
      identity = readJoined(paths);
      keys.replace(identity.signing, nextKeyOf(identity));
    } catch (cause) {
      log.warn("the identity cannot be read again", { cause: cause instanceof Error ? cause.message : String(cause) });
    }
  }

  const holding = keeper.run(abort.signal);
  const linking = firstOf(keeper.tried, HOLDER_PATIENCE_MS, abort.signal).then(() => link.run(abort.signal));
  const reporting = reporter.run(abort.signal);
  const rotating = rotation.run(abort.signal);
  const working = tasks.run(abort.signal);
  const containing = contained.run(abort.signal);
  const carried = carrying.run(abort.signal);
  log.info("the host-agent runs", { version, host: identity.record.name, server: identity.record.url, pid: process.pid });
  const parts = Promise.all([holding, linking, reporting, rotating, working, containing, carried]);
  return {
    link,
    failed: parts.then(() => new Promise<never>(() => {})),
    async stop() {
      abort.abort();
      await parts;
      terminals.dispose();
      lock.release();
    },
  };
}

/** Resolves with `done`, after `ms` at the latest, and leaves no timer behind. */
async function firstOf(done: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const finished = new AbortController();
  void done.then(() => finished.abort());
  await pause(systemClock, ms, AbortSignal.any([signal, finished.signal]));
}

function readJoined(paths: Paths): Identity {
  const identity = readIdentity(paths);
  if (identity !== undefined) return identity;
  throw fail("host_unknown", `This machine has not joined a fleet (no identity in ${paths.hostDir}).`, { hint: "maestro host join <url>" });
}
