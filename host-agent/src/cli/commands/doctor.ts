/** `maestro doctor`: what works on this machine and what to do about the rest. */
import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { EXIT, fail, MaestroFailure } from "@maestro/shared/errors";
import { readOwner } from "../../daemon/instance-lock.ts";
import { baseEnv } from "../../holder/launch.ts";
import { findTmux } from "../../holder/tmux-server.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { reportCrash } from "../crash.ts";
import { nodeProblem } from "../node-version.ts";
import { asProblem, ServerRefusal } from "../render/failure.ts";
import { padEnd } from "../render/width.ts";
import { thisHost } from "../this-host.ts";
import { typeProblem } from "./type-text.ts";

/** `warn` costs something but stops nothing. What is not well says what to do about it. */
export type Check = { id: string; detail: string } & ({ state: "ok"; remedy?: undefined } | { state: "warn" | "fail"; remedy: string });

type Probe = (context: Context) => Promise<Check> | Check;

const LOCAL_PROBES: readonly (readonly [id: string, probe: Probe])[] = [
  ["node", checkNode],
  ["tmux", checkTmux],
  ["node-pty", checkPty],
  ["home", checkHome],
  ["disk", checkDisk],
];

/** What only the server can tell; asked once it has answered. */
const SERVER_PROBES: readonly (readonly [id: string, probe: Probe])[] = [
  ["clock", checkClock],
  ["login", checkLogin],
  ["host", checkHost],
  ["agents", checkAgents],
];

/** A machine that only runs sessions for others needs no login; what is seen without one. */
const HOST_ONLY_PROBES: readonly (readonly [id: string, probe: Probe])[] = [
  ["clock", checkClock],
  ["login", () => ({ id: "login", state: "ok", detail: "none, and none is needed to be a host; to use the CLI here: maestro login" })],
  ["host", checkHostProcess],
];

const isHostOnly = ({ target, paths }: Context): boolean => target().token === undefined && thisHost(paths) !== undefined;

export const doctor = defineCommand({
  group: "run",
  name: "doctor",
  summary: "Check this machine and its control plane; every finding says what to do",
  flags: {},
  params: {},
  examples: ["maestro doctor", "maestro doctor --json"],
  async run(context) {
    const checks = await checkAll(context);
    const failed = checks.filter(({ state }) => state === "fail");
    context.out.one({ ok: failed.length === 0, checks }, () => checks.flatMap(lines));
    if (failed.length > 0)
      throw fail("doctor_failed", `Not everything works here: ${failed.map(({ id }) => `'${id}'`).join(", ")}.`, {
        hint: "Each of them says above what to do.",
      });
    return EXIT.ok;
  },
});

async function checkAll(context: Context): Promise<Check[]> {
  const run = (probes: typeof LOCAL_PROBES): Promise<Check[]> => Promise.all(probes.map(([id, probe]) => attempt(id, probe, context)));
  const [local, server] = await Promise.all([run(LOCAL_PROBES), attempt("server", checkServer, context)]);
  // One cause is told once.
  if (server.state === "fail")
    return [
      ...local,
      server,
      ...SERVER_PROBES.map(([id]): Check => ({ id, state: "warn", detail: "not checked", remedy: "First what 'server' says." })),
    ];
  return [...local, server, ...(await run(isHostOnly(context) ? HOST_ONLY_PROBES : SERVER_PROBES))];
}

function lines({ id, state, detail, remedy }: Check): string[] {
  const mark = state === "ok" ? "ok  " : state === "warn" ? "warn" : "FAIL";
  return [`${mark}  ${padEnd(id, 8)}  ${detail}`, ...(remedy === undefined ? [] : [`${" ".repeat(16)}${remedy}`])];
}

/** A check that cannot be made is a finding, not the end of the others. */
async function attempt(id: string, probe: Probe, context: Context): Promise<Check> {
  try {
    return await probe(context);
  } catch (error) {
    if (error instanceof MaestroFailure || error instanceof ServerRefusal) {
      const { detail, hint = "Try again; if it stays so, docs/operations.md lists what each code means." } = asProblem(error);
      return { id, state: "fail", detail, remedy: hint };
    }
    const { detail, hint = "" } = reportCrash(error, context.io);
    return { id, state: "fail", detail, remedy: hint };
  }
}

function checkNode(): Check {
  const problem = nodeProblem(process.versions.node);
  return problem === undefined
    ? { id: "node", state: "ok", detail: `Node ${process.versions.node}` }
    : { id: "node", state: "fail", detail: problem.detail, remedy: problem.hint ?? "Install a newer one." };
}

/** Where the holder looks: on the path that sessions start from, which may be another than this shell's. */
async function checkTmux({ io }: Context): Promise<Check> {
  const found = await findTmux(baseEnv(io.env));
  if (found !== undefined) return { id: "tmux", state: "ok", detail: found.version };
  return {
    id: "tmux",
    state: "warn",
    detail: "tmux is not installed: sessions run on a plain PTY, and end when the holder does.",
    remedy: process.platform === "darwin" ? "brew install tmux" : "Install it, e.g. apt-get install tmux",
  };
}

function checkPty(): Check {
  try {
    createRequire(import.meta.url)("node-pty");
    return { id: "node-pty", state: "ok", detail: "node-pty loads" };
  } catch {
    return {
      id: "node-pty",
      state: "warn",
      detail: `node-pty does not load on ${process.platform} ${process.arch}: sessions need tmux.`,
      remedy: "Install tmux, or the whole package: npm install -g maestro-fleet",
    };
  }
}

function checkHome({ paths }: Context): Check {
  const stat = statSync(paths.home, { throwIfNoEntry: false });
  if (stat === undefined) return { id: "home", state: "ok", detail: `${paths.home} will be made at the first start` };
  if ((stat.mode & 0o077) !== 0)
    return {
      id: "home",
      state: "fail",
      detail: `${paths.home} can be reached by other users of this machine.`,
      remedy: `chmod 700 '${paths.home}'`,
    };
  try {
    accessSync(paths.home, constants.R_OK | constants.W_OK | constants.X_OK);
    return { id: "home", state: "ok", detail: `${paths.home} is private and writable` };
  } catch {
    return {
      id: "home",
      state: "fail",
      detail: `${paths.home} cannot be written by this user.`,
      remedy: "Set MAESTRO_HOME to a directory of your own.",
    };
  }
}

const LOW_BYTES = 1024 ** 3;

function checkDisk({ paths }: Context): Check {
  const place = statSync(paths.home, { throwIfNoEntry: false }) === undefined ? "/" : paths.home;
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const detail = `${(free / LOW_BYTES).toFixed(1)} GiB free at ${place}`;
  return free >= LOW_BYTES
    ? { id: "disk", state: "ok", detail }
    : { id: "disk", state: "warn", detail, remedy: "Free some space: below 1 GiB state and logs are at risk." };
}

async function checkServer({ api }: Context): Promise<Check> {
  const client = api();
  const { version, bootstrapped } = await client.call("health");
  const { origin } = client.target.url;
  if (!bootstrapped)
    return {
      id: "server",
      state: "fail",
      detail: `${origin} has no owner yet.`,
      remedy: "Finish its setup: docs/operations.md, 'On Cloudflare'",
    };
  return { id: "server", state: "ok", detail: `${origin} answers (version ${version})` };
}

const MAX_SKEW_MS = 30_000;

async function checkClock({ api, io }: Context): Promise<Check> {
  const { time } = await api().call("health");
  const skewMs = Date.parse(time) - io.nowMs();
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return { id: "clock", state: "ok", detail: `within ${Math.max(1, seconds)} s of the server's` };
  return {
    id: "clock",
    state: "warn",
    detail: `This machine's clock is ${seconds} s ${skewMs > 0 ? "behind" : "ahead of"} the server's; it is corrected for, but times look odd.`,
    remedy: "Let it be set: timedatectl set-ntp true",
  };
}

async function checkLogin({ api }: Context): Promise<Check> {
  const { principal, expiresAt } = await api().call("me");
  return {
    id: "login",
    state: "ok",
    detail: `as '${principal.name}'${principal.role === undefined ? "" : ` (${principal.role})`}${expiresAt === undefined ? "" : `, until ${expiresAt.slice(0, 10)}`}`,
  };
}

async function checkHost({ api, paths }: Context): Promise<Check> {
  const here = thisHost(paths);
  if (here === undefined)
    return {
      id: "host",
      state: "warn",
      detail: "This machine has not joined a fleet.",
      remedy: "Join it with the line of the console's Hosts page, or start a control plane here: maestro up",
    };
  const host = (await api().all("hosts")).find(({ id }) => id === here.hostId);
  if (host === undefined)
    return {
      id: "host",
      state: "warn",
      detail: `This machine is host '${here.name}' of ${here.origin}, not of the control plane asked.`,
      remedy: `Ask that one: maestro doctor --url ${here.origin}`,
    };
  if (host.locked !== undefined)
    return {
      id: "host",
      state: "fail",
      detail: `Host '${host.name}' is locked: ${host.locked.reason}.`,
      remedy: `maestro host unlock ${host.name}`,
    };
  if (host.status === "online") return { id: "host", state: "ok", detail: `'${host.name}' is online` };
  return {
    id: "host",
    state: "fail",
    detail: `Host '${host.name}' is ${host.status}.`,
    remedy: "Start its host-agent: maestro host run (its log is logs/host.log)",
  };
}

/** Without a login the server does not say how it sees this host: whether its host-agent runs is seen from here. */
function checkHostProcess({ paths }: Context): Check {
  const host = thisHost(paths);
  const owner = readOwner(paths.daemonLockFile);
  const detail = `'${host?.name ?? ""}' of ${host?.origin ?? ""}`;
  if (owner !== undefined)
    return { id: "host", state: "ok", detail: `${detail}: its host-agent runs (pid ${owner.pid}, version ${owner.version})` };
  return {
    id: "host",
    state: "fail",
    detail: `${detail}: its host-agent does not run.`,
    remedy: "Start it: maestro host run, or as a service: maestro host install",
  };
}

async function checkAgents({ api, paths }: Context): Promise<Check> {
  const here = thisHost(paths)?.hostId;
  const types = await api().all("agentTypes");
  const reports = types.flatMap(({ hosts }) => hosts.filter(({ host }) => here === undefined || host === here).map(({ report }) => report));
  const found = reports.flatMap(({ slug, detected }) =>
    detected.state === "found" && slug !== "shell" ? [`${slug} ${detected.version}`.trimEnd()] : [],
  );
  const invalid = reports.flatMap((report) => typeProblem(report) ?? []);
  if (invalid.length > 0)
    return {
      id: "agents",
      state: "warn",
      detail: `Agent types that cannot be used: ${invalid.join("; ")}`,
      remedy: "Mend them; they are read again at once.",
    };
  if (found.length > 0) return { id: "agents", state: "ok", detail: found.join(", ") };
  return {
    id: "agents",
    state: "warn",
    detail: "No agent CLI was found.",
    remedy: "Install one, for example Claude Code: npm install -g @anthropic-ai/claude-code (others: maestro agent register)",
  };
}
