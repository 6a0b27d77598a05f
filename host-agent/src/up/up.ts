/** `maestro up`: the embedded control plane and this machine's host-agent, started, supervised and stopped together. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { homedir, hostname, networkInterfaces } from "node:os";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";
import type { ApiClient } from "../cli/api/client.ts";
import { readForwardEnv } from "../config/forward-env.ts";
import type { Paths } from "../config/paths.ts";
import { parsePin } from "../link/connector.ts";
import { readyHost, readyOwner, type AccessPlace } from "./access.ts";
import { findArtifacts, type Artifacts } from "./artifacts.ts";
import { bindingsOf } from "./bindings.ts";
import { startControlPlane } from "./control-plane-child.ts";
import type { ControlPlaneConfig } from "./control-plane-wire.ts";
import { writeLauncher } from "./launcher.ts";
import type { ListenPlan } from "./listen-plan.ts";
import { appendLog } from "./log-file.ts";
import { externalAddresses, originsOf, ownNames, type Origins } from "./origins.ts";
import { describeOwner, freePort, probePort } from "./port-owner.ts";
import { endProcess, identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { thisProgram } from "./program.ts";
import { claimRun, dropRun, openState, readRun, readSecrets, writeRun, type RunRecord, type UpPaths } from "./state.ts";
import { buildId, serveOwnCopy } from "./served-build.ts";
import { SupervisedChild } from "./supervise.ts";
import { readyTls } from "./tls.ts";

export interface UpOptions {
  paths: Paths;
  plan: ListenPlan;
  /** Every wait of the protocol is multiplied by it; 1 outside tests. */
  timeScale: number;
  note(line: string): void;
  client(target: { url: URL; token: string | undefined; pin: string | undefined }): ApiClient;
}

export interface Ready {
  console: string;
  login: string;
  /** Hex SHA-256 of the server's key where it is pinned. */
  pin: string | undefined;
  host: string | undefined;
}

/** A child that does not end by itself within this time is told more firmly. */
const STOP_GRACE_MS = 5_000;
const STALE_GRACE_MS = 3_000;
/** The printed link leads to a fleet with a host in it: so long is waited for the host to appear. */
const HOST_ONLINE_WITHIN_MS = 15_000;
const POLL_MS = 50;

/** Runs until told to stop; `onReady` is called once. */
export async function runUp(options: UpOptions, onReady: (ready: Ready) => void | Promise<void>, stop: AbortSignal): Promise<void> {
  const { paths, note } = options;
  const forwardable = readForwardEnv(process.env);
  const built = findArtifacts();
  const up = openState(paths);
  const record = await claim(up, built, options);
  const children: SupervisedChild[] = [];
  try {
    const artifacts = serveOwnCopy(up.builds, built);
    const port = await readyPort(options.plan);
    const machine = { hostname: hostname(), interfaces: networkInterfaces() };
    const origins = originsOf(options.plan, port, machine);
    const tls = readyTls(options.plan.protection, { dir: up.tls, hosts: tlsNames(origins, externalAddresses(machine)), nowMs: Date.now() });
    const secrets = readSecrets(up);
    const remember = remembering(up, { ...record, url: origins.local, build: artifacts.id });
    const { plan, timeScale } = options;
    const { protection } = plan;
    const config: ControlPlaneConfig = {
      stateDir: up.state,
      worker: artifacts.worker,
      console: artifacts.console,
      migrations: artifacts.migrations,
      manifest: artifacts.manifest,
      bind: options.plan.bind,
      port,
      bindings: bindingsOf({ secrets, origins, names: ownNames(plan, machine), pin: tls?.pin, protection, forwardable, timeScale }),
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
      ...(protection.type === "allow-http" ? { allowHttp: [...protection.networks] } : {}),
    };

    note("Starting the control plane …");
    children.push(await startServing(config, paths, remember, note));
    const pin = tls?.pin;
    const hexPin = pin === undefined ? undefined : parsePin(pin);
    const clientWith = (token: string | undefined): ApiClient =>
      options.client({ url: new URL(origins.local), token, pin: hexPin?.ok === true ? hexPin.value : undefined });
    const place: AccessPlace = { paths, up, origins, pin, nowMs: Date.now(), note, clientWith };
    const owner = await readyOwner(place, secrets);
    const host = await readyHost(place, owner);
    if (host !== undefined) {
      note("Starting this machine's host-agent …");
      children.push(startHostAgent(paths, remember, note));
      if (!(await becomesOnline(owner, host, Date.now(), stop)))
        note("This machine's host-agent has not connected yet; see logs/host.log.");
    }
    writeLauncher({ paths, program: thisProgram(), defaultHome: path.join(homedir(), ".maestro") });
    const login = await owner.call("loginLink", { body: {} });
    if (!stop.aborted) await onReady({ console: origins.public, login: login.url, pin, host });
    await aborted(stop);
    note("Stopping. Sessions and agents go on; the next `maestro up` finds them.");
  } catch (error) {
    // Told to stop while it started: what failed for that reason is no failure.
    if (!stop.aborted) throw error;
  } finally {
    for (const child of children.reverse()) await child.stop(STOP_GRACE_MS);
    dropRun(up);
  }
}

async function claim(up: UpPaths, built: Artifacts, { plan }: UpOptions): Promise<RunRecord> {
  const supervisor = identify(process.pid) ?? { pid: process.pid, started: randomUUID() };
  const previous = readRun(up);
  const record: RunRecord = { version: 1, supervisor, url: `port ${plan.port}`, children: [] };
  const holder = claimRun(up, record);
  if (holder !== undefined) {
    const newer = holder.build !== undefined && holder.build !== buildId(built);
    throw fail(
      "already_running",
      `maestro up already runs (pid ${holder.supervisor.pid}, ${holder.url})${newer ? ", from another build" : ""}.`,
      {
        hint: newer
          ? "It goes on with its own. To have this build: maestro down, then start again; sessions go on meanwhile."
          : "Use it: maestro open. Or stop it first: maestro down.",
      },
    );
  }
  // The one before was killed: what it left would hold the port and the database.
  for (const { name, ...child } of previous?.children ?? []) {
    if (isAlive(child) && !(await endProcess(child, STALE_GRACE_MS)))
      throw fail("already_running", `A left-over ${name} (pid ${child.pid}) does not end.`, { hint: `End it: kill -9 ${child.pid}` });
  }
  return record;
}

async function readyPort({ bind, port }: ListenPlan): Promise<number> {
  if (port === 0) return freePort(bind);
  const error = await probePort(bind, port);
  if (error === undefined) return port;
  if (error.code === "EADDRINUSE") {
    throw fail("port_in_use", `Port ${port} of ${bind} is taken by ${describeOwner(port) ?? "another program"}.`, {
      field: "port",
      hint: "Choose another one: --port <n>, or 0 for any.",
    });
  }
  throw fail("field_invalid", `This machine cannot listen on ${bind} port ${port} (${error.code ?? error.message}).`, {
    field: "bind",
    hint: "Choose one of its own addresses, and a port from 1024 on.",
  });
}

/** Names the certificate is good for: those in `origins`, and every address of the machine. */
function tlsNames({ all }: Origins, addresses: readonly string[]): string[] {
  const named = all.map((origin) => new URL(origin).hostname.replace(/^\[|\]$/g, ""));
  return [...new Set([...named, ...addresses, "localhost", "127.0.0.1"])].filter((name) => name !== "::1");
}

type Remember = (name: string, pid: number) => void;

/** Keeps `run.json` true: one entry per kind of child. */
function remembering(up: UpPaths, record: RunRecord): Remember {
  const known = new Map<string, ProcessIdentity>();
  writeRun(up, record);
  return (name, pid) => {
    const identity = identify(pid);
    if (identity === undefined) return;
    known.set(name, identity);
    writeRun(up, { ...record, children: [...known].map(([child, own]) => ({ name: child, ...own })) });
  };
}

async function startServing(
  config: ControlPlaneConfig,
  paths: Paths,
  remember: Remember,
  note: (line: string) => void,
): Promise<SupervisedChild> {
  let runtime: ProcessIdentity | undefined;
  const first = Promise.withResolvers<void>();
  const child = new SupervisedChild({
    name: "control plane",
    note,
    served: first.promise,
    async start() {
      // Killed, the process leaves its workerd behind, with the port and the database.
      if (runtime !== undefined && isAlive(runtime)) await endProcess(runtime, STALE_GRACE_MS);
      const current = startControlPlane(config, {
        program: thisProgram(),
        note,
        log: (text) => appendLog(paths.upLog, text),
        onRuntime(pid) {
          runtime = identify(pid);
          remember("workerd", pid);
        },
      });
      current.ready.then(first.resolve, first.reject);
      return current.process;
    },
    onStart: ({ pid }) => (pid === undefined ? undefined : remember("control plane", pid)),
  });
  child.run();
  try {
    await first.promise;
  } catch (error) {
    await child.stop(STOP_GRACE_MS);
    throw error;
  }
  return child;
}

function startHostAgent(paths: Paths, remember: Remember, note: (line: string) => void): SupervisedChild {
  const [command, ...args] = thisProgram();
  const child = new SupervisedChild({
    name: "host-agent",
    note: (line) => note(`${line} See ${paths.hostLog}`),
    async start() {
      const started = spawn(command, [...args, "host", "run", "--exit-on-stdin-end"], {
        stdio: ["pipe", "ignore", "pipe"],
        env: { ...process.env, MAESTRO_HOME: paths.home },
      });
      started.stderr.on("data", (data: Buffer) => appendLog(paths.hostLog, data.toString("utf8")));
      return started;
    },
    onStart: ({ pid }) => (pid === undefined ? undefined : remember("host-agent", pid)),
  });
  child.run();
  return child;
}

/** Seen since `sinceMs`: right after a restart it still counts as online from before. */
async function becomesOnline(owner: ApiClient, id: string, sinceMs: number, stop: AbortSignal): Promise<boolean> {
  for (let waited = 0; waited < HOST_ONLINE_WITHIN_MS && !stop.aborted; waited += POLL_MS) {
    // A hiccup here is no reason to give up what runs already.
    const host = await owner.call("host", { params: { id } }).catch(() => undefined);
    if (host?.status === "online" && Date.parse(host.lastSeenAt ?? "") >= sinceMs) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return stop.aborted;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
