/** What the control plane asks of a remote host's sessions, within the policy of its carrier. */
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { parseId } from "@maestro/shared/ids";
import { err, ok } from "@maestro/shared/result";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN } from "../adapters/builtin.ts";
import type { Program } from "../adapters/launch.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { AgentStarts } from "../daemon/agent-starts.ts";
import type { Clock } from "../daemon/clock.ts";
import type { HolderKeeper } from "../daemon/holder-keeper.ts";
import { refuseRunning } from "../daemon/second-agent.ts";
import type { Log } from "../daemon/log.ts";
import type { Policy } from "../daemon/policy.ts";
import { refuseAgent, refuseReach, refuseSession } from "../daemon/shell-policy.ts";
import type { Late } from "../daemon/start-late.ts";
import type { FrameOf, HostActions } from "../link/dispatch.ts";
import type { CarriedTerminals } from "./carried-terminals.ts";
import type { Hand, RemoteFacts } from "./hand.ts";
import type { Isolated } from "./isolated-work.ts";
import { isolationOf } from "./isolated-type.ts";
import { refuseThere, refuseUnbuilt, resolveThere } from "./remote-plan.ts";
import { baseEnv, namingProgram, planSession, type SessionPlan } from "./session-plan.ts";

export interface CarriedSessionsDeps {
  keeper: HolderKeeper;
  terminals: CarriedTerminals;
  hand: Pick<Hand, "ensure">;
  isolated: Pick<Isolated, "session">;
  catalogue: TypeCatalogue;
  policy: Policy;
  record: RemoteRecord;
  facts(): RemoteFacts;
  /** Of an agent CLI, where it is there. */
  program(adapter: Adapter): Program | undefined;
  draining(): boolean;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

type SessionActions = Pick<
  HostActions,
  "createSession" | "startAgent" | "refuseWatch" | "killSession" | "readScreen" | "sendInput" | "resetWorkspace"
>;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function carriedSessions(deps: CarriedSessionsDeps): SessionActions {
  const { keeper, terminals, policy, record, facts, clock, log } = deps;
  const starts = new AgentStarts(clock, log);
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
      const refusal = refuseNew();
      return refusal === undefined ? starts.run(frame.agent, (late) => startAgent(frame, late, deps)) : err(refusal);
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
  late: Late,
  { keeper, terminals, hand, isolated, catalogue, policy, record, facts, program, signal }: CarriedSessionsDeps,
): ReturnType<HostActions["startAgent"]> {
  const id = parseId("session", session);
  if (!id.ok) return id;
  catalogue.refresh();
  const type = catalogue.resolve(agent.type, agent.definition);
  if (!type.ok) return type;
  const refusal = refuseAgent(policy, agent, type.value) ?? refuseUnbuilt(type.value) ?? refuseEnv(agent.env);
  if (refusal !== undefined) return err(refusal);
  const isIsolated = isolationOf(type.value) !== undefined;
  const dir = resolveThere(agent.workspace, facts(), "workspace");
  if (!dir.ok) return dir;
  // Refusals come before anything is made; of what is in a container nothing is known before.
  const there = { facts: facts(), program, policy, record };
  const dry = isIsolated ? await terminals.way({ backend }) : planSession(agent, type.value, dir.value, there);
  if (!dry.ok) return dry;
  const second = await refuseRunning(keeper, agent, session);
  if (second !== undefined) return err(second);
  const workspace = await hand.ensure(dir.value, signal);
  if (!workspace.ok) return err({ ...workspace.error, field: "workspace" });
  const { path: cwd } = workspace.value;
  const open = async (plan: SessionPlan) => {
    const made = await terminals.open({
      id: id.value,
      name: agent.name,
      orNumbered: agent.name,
      argv: plan.argv,
      cwd,
      env: { ...plan.env, MAESTRO_SESSION: id.value },
      agent: agent.id,
      size,
      backend,
      isolated: plan.container,
      late,
    });
    return made.ok ? ok({ session: made.value }) : err(namingProgram(agent, plan, made.error));
  };
  if (isIsolated) return isolated.session({ id: id.value, agent, type: type.value, workspace: cwd }, open);
  const planned = planSession(agent, type.value, cwd, there);
  return planned.ok ? open(planned.value) : planned;
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
