/** What the control plane may ask of this host, within the host's own policy. */
import { userInfo } from "node:os";
import * as path from "node:path";
import type { AcceptHostKey, HostCheck, RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { parseId } from "@maestro/shared/ids";
import { err, ok } from "@maestro/shared/result";
import type { Detector } from "../adapters/detect.ts";
import { locateProgram } from "../adapters/locate.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import type { ContainedSessions } from "../carrier/contained-sessions.ts";
import type { FrameOf, HostActions } from "../link/dispatch.ts";
import { AgentStarts } from "./agent-starts.ts";
import type { Clock } from "./clock.ts";
import type { HolderKeeper } from "./holder-keeper.ts";
import type { Log } from "./log.ts";
import type { Policy } from "./policy.ts";
import { readFiles } from "./read-files.ts";
import { refuseAgent, refuseBinary, refuseSession, refuseReach } from "./shell-policy.ts";
import { refuseEnv, startAgent } from "./start-agent.ts";
import { resetWorkspace } from "./workspace-reset.ts";
import { ensureWorkspace, isInside, resolveWorkspace, type WorkspaceRules } from "./workspace.ts";

export interface ActionDeps {
  keeper: HolderKeeper;
  /** Those whose type asks for a container of its own. */
  contained: ContainedSessions;
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
  clock: Clock;
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
  const { keeper, policy, rules, drain, clock, log } = deps;
  const starts = new AgentStarts(clock, log);
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
      const refusal = refuseNew();
      if (refusal !== undefined) return err(refusal);
      return starts.run(frame.agent, (late) =>
        startAgent(frame, late, { ...deps, refuseProgram: (name, cwd) => refuseProgram(name, cwd, deps) }),
      );
    },

    refuseWatch: (session) => refuseSessionOf(session),

    async killSession({ session, force }) {
      const holder = keeper.client();
      if (!holder.ok) return holder;
      // What cannot be ended in a container now is ended when that is looked at next.
      const [killed, ended] = await Promise.all([holder.value.kill(session, force ?? false), deps.contained.end(session, force ?? false)]);
      if (!killed.ok) return killed;
      // Ended already: what is left to end is its place in the list.
      if (!killed.value) await holder.value.forget(session);
      return ended.ok ? ok({ killed: killed.value }) : ended;
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
      const refusal = starts.refuse(frame.agent);
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
