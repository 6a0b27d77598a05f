/** What the control plane may ask of this host, within the host's own policy. */
import { userInfo } from "node:os";
import * as path from "node:path";
import type { AcceptHostKey, HostCheck, RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { parseId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { err, ok } from "@maestro/shared/result";
import { BUILTIN } from "../adapters/builtin.ts";
import type { Detector } from "../adapters/detect.ts";
import { planAgent, type Program } from "../adapters/launch.ts";
import { locateProgram } from "../adapters/locate.ts";
import { withOwnProgram } from "../adapters/own-program.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { refuseIsolatedSession, unappliedKeys } from "../adapters/types/session-limits.ts";
import type { FrameOf, HostActions } from "../link/dispatch.ts";
import { copyTemplate } from "../tasks/template.ts";
import type { HolderKeeper } from "./holder-keeper.ts";
import type { Log } from "./log.ts";
import type { Policy } from "./policy.ts";
import { readFiles } from "./read-files.ts";
import { refuseAgent, refuseBinary, refuseSession, refuseReach } from "./shell-policy.ts";
import { resetWorkspace } from "./workspace-reset.ts";
import { ensureWorkspace, isInside, resolveWorkspace, type WorkspaceRules } from "./workspace.ts";

export interface ActionDeps {
  keeper: HolderKeeper;
  catalogue: TypeCatalogue;
  detector: Detector;
  policy: Policy;
  rules: WorkspaceRules;
  /** Where programs are looked for. */
  searchPath(): string;
  /** The attempt of a task that works in this directory or below it. */
  attemptIn(dir: string): string | undefined;
  /** Tasks ask it too. */
  drain: { draining: boolean };
  log: Log;
  /** Looks again for CLIs and type files, tells the relay, answers how many types there are. */
  detect(): Promise<number>;
  /** @param accept what host key to trust from here on. */
  checkRemote(record: RemoteRecord, accept: AcceptHostKey | undefined): Promise<HostCheck>;
  listSshConfig: HostActions["listSshConfig"];
  welcomed(serverTimeMs: number, hostName: string): void;
  registryVersion(version: number): void;
}

export function createHostActions(deps: ActionDeps): HostActions {
  const { keeper, policy, rules, drain, log } = deps;
  /** Agents that are being started, and in which session: the holder has not told of it yet. */
  const starting = new Map<string, string>();
  const refuseNew = (): MaestroError | undefined =>
    drain.draining
      ? maestroError("host_draining", "This host takes no new sessions.", { hint: "Resume it: maestro host resume." })
      : undefined;

  const refuseSessionOf = (id: string): MaestroError | undefined => refuseReach(policy, keeper.session(id));

  return {
    async createSession(frame) {
      const refusal = refuseNew() ?? refuseSession(policy) ?? refuseEnv(frame.env) ?? refuseProgram(frame.argv[0], frame.cwd ?? "/", deps);
      if (refusal !== undefined) return err(refusal);
      const id = parseId("session", frame.session);
      if (!id.ok) return id;
      const cwd = resolveWorkspace(frame.cwd ?? defaultCwd(rules), rules);
      if (!cwd.ok) return err({ ...cwd.error, field: "cwd" });
      const holder = keeper.client();
      if (!holder.ok) return holder;
      const { cols, rows } = frame.size;
      const made = await holder.value.create({
        id: id.value,
        name: frame.name,
        orNumbered: frame.orNumbered,
        argv: frame.argv,
        cwd: cwd.value,
        env: frame.env,
        cols,
        rows,
        backend: frame.backend,
      });
      return made.ok ? ok({ session: made.value }) : made;
    },

    async startAgent(frame) {
      const { agent, session } = frame;
      const refusal = refuseNew() ?? refuseSecond(agent.name, session, starting.get(agent.id));
      if (refusal !== undefined) return err(refusal);
      starting.set(agent.id, session);
      return startAgent(frame, deps).finally(() => starting.delete(agent.id));
    },

    refuseWatch: (session) => refuseSessionOf(session),

    async killSession({ session, force }) {
      const holder = keeper.client();
      if (!holder.ok) return holder;
      const killed = await holder.value.kill(session, force ?? false);
      if (!killed.ok) return killed;
      // Ended already: what is left to end is its place in the list.
      if (!killed.value) await holder.value.forget(session);
      return ok({ killed: killed.value });
    },

    async readScreen({ session, format }, blob) {
      const refusal = refuseSessionOf(session);
      if (refusal !== undefined) return err(refusal);
      const holder = keeper.client();
      if (!holder.ok) return holder;
      const screen = await holder.value.screen(session, format);
      if (!screen.ok) return screen;
      const { bytes, epoch, offset, cols, rows } = screen.value;
      blob(bytes);
      return ok({ bytes: bytes.byteLength, epoch, offset, cols, rows });
    },

    async sendInput({ session, base64 }) {
      const refusal = refuseSessionOf(session);
      if (refusal !== undefined) return err(refusal);
      const holder = keeper.client();
      if (!holder.ok) return holder;
      const sent = await holder.value.send(session, Buffer.from(base64, "base64"));
      return sent.ok ? ok({ accepted: sent.value }) : sent;
    },

    async ensureWorkspace(frame) {
      return ensureWorkspace(frame.path, rules);
    },

    async resetWorkspace(frame) {
      const refusal = refuseSecond(frame.agent.name, "", starting.get(frame.agent.id));
      return refusal === undefined ? resetAgent(frame, deps) : err(refusal);
    },

    async detect() {
      return ok({ types: await deps.detect() });
    },

    readFiles: async (frame, blob) => {
      const refusal = refuseSession(policy);
      return refusal === undefined ? readFiles(frame, rules, blob) : err(refusal);
    },

    checkHost: async ({ record, acceptHostKey }) => ok(await deps.checkRemote(record, acceptHostKey)),
    listSshConfig: deps.listSshConfig,

    welcome(frame) {
      drain.draining = frame.draining;
      log.info("the link is up", { name: frame.hostName, version: frame.version, draining: frame.draining });
      deps.welcomed(frame.serverTimeMs, frame.hostName);
      deps.registryVersion(frame.registryVersion);
    },
    registry: (version) => deps.registryVersion(version),
    drain(next) {
      if (next !== drain.draining) log.info(next ? "the host drains: no new sessions" : "the host takes work again");
      drain.draining = next;
    },
  };
}

/** Two programs of one agent would work in one workspace. The same session once more is the holder's to refuse. */
export const refuseSecond = (name: string, asked: string, running: string | undefined): MaestroError | undefined =>
  running === undefined || running === asked
    ? undefined
    : maestroError("agent_running", `Agent '${name}' runs on this host in session ${running}.`, {
        hint: `Attach to it: maestro agent attach ${name}`,
      });

async function startAgent(
  { session, agent, size, backend }: FrameOf<"agent.start">,
  { keeper, catalogue, detector, policy, rules, searchPath, log }: ActionDeps,
): ReturnType<HostActions["startAgent"]> {
  const id = parseId("session", session);
  if (!id.ok) return id;
  catalogue.refresh();
  const type = catalogue.resolve(agent.type, agent.definition);
  if (!type.ok) return type;
  const refusal = refuseIsolatedSession(type.value) ?? refuseAgent(policy, agent, type.value);
  if (refusal !== undefined) return err(refusal);
  const chosen = withOwnProgram(BUILTIN[type.value.adapter], agent.program, rules.userHome);
  if (!chosen.ok) return chosen;
  const adapter = chosen.value;
  const binary = adapter.binaries.length === 0 ? undefined : detector.locate(adapter);
  const program: Program | undefined = binary === undefined ? undefined : { binary, version: detector.knownVersion(binary) };
  // Refusals come before anything is made.
  const dry = planAgent(agent, type.value, adapter, program, agent.workspace);
  if (!dry.ok) return dry;
  const holder = keeper.client();
  if (!holder.ok) return holder;
  const isAlive = (one: SessionInfo) => one.agent === agent.id && one.end === undefined;
  if (keeper.sessions.some(isAlive)) {
    // The holder's own list: ours does not know yet of one that was killed a moment ago.
    const sessions = await holder.value.list();
    if (!sessions.ok) return sessions;
    const second = refuseSecond(agent.name, session, sessions.value.find(isAlive)?.id);
    if (second !== undefined) return err(second);
  }
  const workspace = ensureWorkspace(agent.workspace, rules);
  if (!workspace.ok) return err({ ...workspace.error, field: "workspace" });
  if (workspace.value.created && type.value.workspace_template !== undefined) {
    const copied = await copyTemplate(type.value.workspace_template, workspace.value.path, rules);
    if (!copied.ok) return copied;
  }
  const launch = planAgent(agent, type.value, adapter, program, workspace.value.path);
  if (!launch.ok) return launch;
  const notAllowed = refuseProgram(launch.value.argv[0], workspace.value.path, { policy, searchPath });
  if (notAllowed !== undefined) return err(notAllowed);
  const keys = unappliedKeys(type.value);
  if (keys.length > 0)
    log.warn("an agent starts with keys of its type not applied", { agent: agent.name, slug: type.value.slug, keys: keys.join(", ") });
  const made = await holder.value.create({
    id: id.value,
    name: agent.name,
    // A session that somebody gave this name must not keep the agent from starting.
    orNumbered: agent.name,
    ...launch.value,
    cwd: workspace.value.path,
    ...size,
    backend,
    agent: agent.id,
  });
  return made.ok ? ok({ session: made.value }) : made;
}

/** [SKILL9] */
async function resetAgent(
  { path: asked, agent }: FrameOf<"workspace.reset">,
  { keeper, catalogue, policy, rules, attemptIn }: ActionDeps,
): ReturnType<HostActions["resetWorkspace"]> {
  catalogue.refresh();
  const type = catalogue.resolve(agent.type, agent.definition);
  if (!type.ok) return type;
  const refusal = refuseAgent(policy, { ...agent, workspace: asked, args: [], env: {} }, type.value);
  if (refusal !== undefined) return err(refusal);
  const holder = keeper.client();
  if (!holder.ok) return holder;
  // The holder's own list: ours does not know yet of one that was killed a moment ago.
  const sessions = await holder.value.list();
  if (!sessions.ok) return sessions;
  const ended = new Set(sessions.value.filter(({ end }) => end !== undefined).map(({ id }) => id));
  const living = () => keeper.sessions.filter(({ id, end }) => end === undefined && !ended.has(id));
  return resetWorkspace(asked, type.value.workspace_template, {
    rules,
    busy: (dir) => living().find((session) => session.agent === agent.id || isInside(session.cwd, dir))?.name ?? attemptIn(dir),
  });
}

/** The user's home, unless the policy keeps sessions out of it. */
function defaultCwd(rules: WorkspaceRules): string {
  return resolveWorkspace(rules.userHome, rules).ok ? rules.userHome : (rules.roots[0] ?? rules.userHome);
}

/** @param name undefined: the user's login shell. What is not found, the holder refuses in its own words. */
function refuseProgram(
  name: string | undefined,
  cwd: string,
  { policy, searchPath }: Pick<ActionDeps, "policy" | "searchPath">,
): MaestroError | undefined {
  if (policy.binaries === undefined) return undefined;
  const program = name ?? userInfo().shell ?? "/bin/sh";
  const file = program.includes("/") ? path.resolve(cwd, program) : locateProgram([program], searchPath());
  return file === undefined ? undefined : refuseBinary(policy, file, searchPath());
}

function refuseEnv(env: Readonly<Record<string, string>>): MaestroError | undefined {
  const denied = Object.keys(env).find(isDeniedEnv);
  return denied === undefined
    ? undefined
    : maestroError("env_denied", `The variable ${denied} may not be set for a session.`, { field: `env.${denied}` });
}
