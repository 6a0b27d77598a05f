/** What the control plane asks of a remote host's sessions, within the policy of its carrier. */
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { parseId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN } from "../adapters/builtin.ts";
import { planAgent, type Program } from "../adapters/launch.ts";
import { notThere, withOwnProgram } from "../adapters/own-program.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { refuseIsolatedSession } from "../adapters/types/session-limits.ts";
import type { HolderKeeper } from "../daemon/holder-keeper.ts";
import { refuseSecond } from "../daemon/host-actions.ts";
import type { Policy } from "../daemon/policy.ts";
import { refuseAgent, refuseReach, refuseSession } from "../daemon/shell-policy.ts";
import type { FrameOf, HostActions } from "../link/dispatch.ts";
import type { CarriedTerminals } from "./carried-terminals.ts";
import type { Hand, RemoteFacts } from "./hand.ts";
import { foundThere, refuseThere, refuseUnbuilt, resolveThere } from "./remote-plan.ts";

export interface CarriedSessionsDeps {
  keeper: HolderKeeper;
  terminals: CarriedTerminals;
  hand: Pick<Hand, "ensure">;
  catalogue: TypeCatalogue;
  policy: Policy;
  record: RemoteRecord;
  facts(): RemoteFacts;
  /** Of an agent CLI, where it is there. */
  program(adapter: Adapter): Program | undefined;
  draining(): boolean;
  signal: AbortSignal;
}

type SessionActions = Pick<
  HostActions,
  "createSession" | "startAgent" | "refuseWatch" | "killSession" | "readScreen" | "sendInput" | "resetWorkspace"
>;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function carriedSessions(deps: CarriedSessionsDeps): SessionActions {
  const { keeper, terminals, policy, record, facts } = deps;
  /** Agents that are being started, and in which session. */
  const starting = new Map<string, string>();
  const refuseNew = (): MaestroError | undefined =>
    deps.draining()
      ? maestroError("host_draining", "This host takes no new sessions.", { hint: "Resume it: maestro host resume." })
      : undefined;
  const reach = (session: string) => {
    const refusal = refuseReach(policy, keeper.session(session));
    return refusal === undefined ? keeper.client() : err(refusal);
  };

  return {
    async createSession(frame) {
      const refusal = refuseNew() ?? refuseSession(policy) ?? refuseEnv(frame.env);
      if (refusal !== undefined) return err(refusal);
      const id = parseId("session", frame.session);
      if (!id.ok) return id;
      const cwd = resolveThere(frame.cwd ?? record.cwd ?? "~", facts(), "cwd");
      if (!cwd.ok) return cwd;
      const [first = "", ...rest] = frame.argv.length === 0 ? [facts().shell, "-l"] : frame.argv;
      if (first === "") return err(maestroError("field_invalid", "The program's name is empty.", { field: "argv.0" }));
      const notAllowed = refuseThere(policy, first, BUILTIN.shell, undefined);
      if (notAllowed !== undefined) return err(notAllowed);
      const { name, orNumbered, size, backend } = frame;
      const env = { ...baseEnv(facts()), ...record.env, MAESTRO_SESSION: id.value, ...frame.env };
      const made = await terminals.open({
        id: id.value,
        name,
        orNumbered,
        argv: [first, ...rest],
        cwd: cwd.value,
        env,
        agent: undefined,
        size,
        backend,
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

    refuseWatch: (session) => refuseReach(policy, keeper.session(session)),

    async killSession({ session, force = false }) {
      const holder = keeper.client();
      if (!holder.ok) return holder;
      // What cannot be ended there now is ended when the host is looked at next.
      const [killed, ended] = await Promise.all([holder.value.kill(session, force), terminals.end(session, force)]);
      if (!killed.ok) return killed;
      if (!killed.value) await holder.value.forget(session);
      return ended.ok ? ok({ killed: killed.value }) : ended;
    },

    async readScreen({ session, format }, blob) {
      const holder = reach(session);
      if (!holder.ok) return holder;
      const screen = await holder.value.screen(session, format);
      if (!screen.ok) return screen;
      const { bytes, epoch, offset, cols, rows } = screen.value;
      blob(bytes);
      return ok({ bytes: bytes.byteLength, epoch, offset, cols, rows });
    },

    async sendInput({ session, base64 }) {
      const holder = reach(session);
      if (!holder.ok) return holder;
      const sent = await holder.value.send(session, Buffer.from(base64, "base64"));
      return sent.ok ? ok({ accepted: sent.value }) : sent;
    },

    resetWorkspace: () =>
      Promise.resolve(
        err(
          maestroError("workspace_error", "Workspaces of remote hosts are not reset.", {
            field: "workspace",
            hint: "Remove the directory there, and start the agent again.",
          }),
        ),
      ),
  };
}

async function startAgent(
  { session, agent, size, backend }: FrameOf<"agent.start">,
  { keeper, terminals, hand, catalogue, policy, record, facts, program, signal }: CarriedSessionsDeps,
): ReturnType<HostActions["startAgent"]> {
  const id = parseId("session", session);
  if (!id.ok) return id;
  catalogue.refresh();
  const type = catalogue.resolve(agent.type, agent.definition);
  if (!type.ok) return type;
  const refusal =
    refuseIsolatedSession(type.value) ?? refuseAgent(policy, agent, type.value) ?? refuseUnbuilt(type.value) ?? refuseEnv(agent.env);
  if (refusal !== undefined) return err(refusal);
  const own = withOwnProgram(BUILTIN[type.value.adapter], agent.program, facts().home);
  if (!own.ok) return own;
  const adapter = own.value;
  const found = foundThere(adapter, program);
  const dir = resolveThere(agent.workspace, facts(), "workspace");
  if (!dir.ok) return dir;
  // Refusals come before anything is made.
  const dry = planAgent(agent, type.value, adapter, found, dir.value);
  if (!dry.ok) return dry;
  const second = await refuseRunning(keeper, agent, session);
  if (second !== undefined) return err(second);
  const workspace = await hand.ensure(dir.value, signal);
  if (!workspace.ok) return err({ ...workspace.error, field: "workspace" });
  const launch = planAgent(agent, type.value, adapter, found, workspace.value.path);
  if (!launch.ok) return launch;
  const [first = facts().shell, ...rest] = launch.value.argv.length === 0 ? [facts().shell, "-l"] : launch.value.argv;
  const notAllowed = refuseThere(policy, first, adapter, found);
  if (notAllowed !== undefined) return err(notAllowed);
  const made = await terminals.open({
    id: id.value,
    name: agent.name,
    orNumbered: agent.name,
    argv: [first, ...rest],
    cwd: workspace.value.path,
    env: { ...baseEnv(facts()), ...record.env, MAESTRO_SESSION: id.value, ...launch.value.env },
    agent: agent.id,
    size,
    backend,
  });
  if (!made.ok && agent.program !== undefined && made.error.code === "spawn_failed")
    return err(notThere(agent.program, made.error, adapter));
  return made.ok ? ok({ session: made.value }) : made;
}

async function refuseRunning(
  keeper: HolderKeeper,
  agent: { id: string; name: string },
  session: string,
): Promise<MaestroError | undefined> {
  const isAlive = (one: SessionInfo) => one.agent === agent.id && one.end === undefined;
  if (!keeper.sessions.some(isAlive)) return undefined;
  const holder = keeper.client();
  if (!holder.ok) return holder.error;
  // The holder's own list: ours does not know yet of one that was killed a moment ago.
  const sessions: Result<SessionInfo[]> = await holder.value.list();
  return sessions.ok ? refuseSecond(agent.name, session, sessions.value.find(isAlive)?.id) : sessions.error;
}

function baseEnv({ home, user, shell, lang, path }: RemoteFacts): Record<string, string> {
  return {
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: shell,
    // Without any locale, most programs take UTF-8 for bytes.
    LANG: lang === "" ? "C.UTF-8" : lang,
    PATH: path,
    COLORTERM: "truecolor",
  };
}

function refuseEnv(env: Readonly<Record<string, string>>): MaestroError | undefined {
  for (const name of Object.keys(env)) {
    if (isDeniedEnv(name))
      return maestroError("env_denied", `The variable ${name} may not be set for a session.`, { field: `env.${name}` });
    if (!ENV_NAME.test(name))
      return maestroError("env_name_invalid", `'${name.slice(0, 64)}' cannot name a variable.`, {
        field: "env",
        hint: "Letters, digits and _, not beginning with a digit.",
      });
  }
  return undefined;
}
