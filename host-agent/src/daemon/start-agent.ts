/** Starts an agent on this machine: as a program of its own user, or in the container that its type asks for. */
import { isDeniedEnv, type AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { parseId } from "@maestro/shared/ids";
import { err, ok, type Result } from "@maestro/shared/result";
import { BUILTIN } from "../adapters/builtin.ts";
import type { Detector } from "../adapters/detect.ts";
import { planAgent, type AgentSpec, type Launch, type Program } from "../adapters/launch.ts";
import { withOwnProgram } from "../adapters/own-program.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { unappliedKeys } from "../adapters/types/session-limits.ts";
import type { ContainedSessions } from "../carrier/contained-sessions.ts";
import { isolationOf } from "../carrier/isolated-type.ts";
import type { FrameOf, HostActions } from "../link/dispatch.ts";
import { copyTemplate } from "../tasks/template.ts";
import { refuseShown } from "../tasks/workspaces.ts";
import type { HolderKeeper } from "./holder-keeper.ts";
import type { Log } from "./log.ts";
import type { Policy } from "./policy.ts";
import { refuseRunning } from "./second-agent.ts";
import { refuseAgent } from "./shell-policy.ts";
import type { Late } from "./start-late.ts";
import { ensureWorkspace, type WorkspaceRules } from "./workspace.ts";

export interface StartAgentDeps {
  keeper: HolderKeeper;
  contained: Pick<ContainedSessions, "start">;
  catalogue: TypeCatalogue;
  detector: Detector;
  policy: Policy;
  rules: WorkspaceRules;
  log: Log;
  refuseProgram(name: string | undefined, cwd: string): MaestroError | undefined;
}

export async function startAgent(frame: FrameOf<"agent.start">, late: Late, deps: StartAgentDeps): ReturnType<HostActions["startAgent"]> {
  const { session, agent, size, backend } = frame;
  const { keeper, catalogue, policy, rules, log } = deps;
  const id = parseId("session", session);
  if (!id.ok) return id;
  catalogue.refresh();
  const resolved = catalogue.resolve(agent.type, agent.definition);
  if (!resolved.ok) return resolved;
  const type = resolved.value;
  const isContained = isolationOf(type) !== undefined;
  const refusal =
    refuseAgent(policy, agent, type) ?? (isContained ? (refuseEnv(agent.env) ?? refuseShown(agent.workspace, rules)) : undefined);
  if (refusal !== undefined) return err(refusal);
  // Refusals come before anything is made; of what is in a container nothing is known before.
  const dry = isContained ? undefined : planHere(agent, type, agent.workspace, deps);
  if (dry?.ok === false) return dry;
  const holder = keeper.client();
  if (!holder.ok) return holder;
  const second = await refuseRunning(keeper, agent, session);
  if (second !== undefined) return err(second);
  const workspace = await workspaceOf(agent, type, rules);
  if (!workspace.ok) return workspace;
  const cwd = workspace.value;
  if (isContained) {
    const made = await deps.contained.start({ id: id.value, agent, type, workspace: cwd, size, backend, late });
    return made.ok ? ok({ session: made.value }) : made;
  }
  const launch = planHere(agent, type, cwd, deps);
  if (!launch.ok) return launch;
  const refused = late() ?? deps.refuseProgram(launch.value.argv[0], cwd);
  if (refused !== undefined) return err(refused);
  const keys = unappliedKeys(type);
  if (keys.length > 0)
    log.warn("an agent starts with keys of its type not applied", { agent: agent.name, slug: type.slug, keys: keys.join(", ") });
  const made = await holder.value.create({
    id: id.value,
    name: agent.name,
    // A session that somebody gave this name must not keep the agent from starting.
    orNumbered: agent.name,
    ...launch.value,
    cwd,
    ...size,
    backend,
    agent: agent.id,
  });
  return made.ok ? ok({ session: made.value }) : made;
}

function planHere(agent: AgentSpec, type: AgentType, cwd: string, { detector, rules }: StartAgentDeps): Result<Launch> {
  const chosen = withOwnProgram(BUILTIN[type.adapter], agent.program, rules.userHome);
  if (!chosen.ok) return chosen;
  const adapter = chosen.value;
  const binary = adapter.binaries.length === 0 ? undefined : detector.locate(adapter);
  const program: Program | undefined = binary === undefined ? undefined : { binary, version: detector.knownVersion(binary) };
  return planAgent(agent, type, adapter, program, cwd);
}

/** Made where it is not there, and filled; without links on the way. */
async function workspaceOf({ workspace }: AgentSpec, type: AgentType, rules: WorkspaceRules): Promise<Result<string>> {
  const ensured = ensureWorkspace(workspace, rules);
  if (!ensured.ok) return err({ ...ensured.error, field: "workspace" });
  if (ensured.value.created && type.workspace_template !== undefined) {
    const copied = await copyTemplate(type.workspace_template, ensured.value.path, rules);
    if (!copied.ok) return copied;
  }
  return ok(ensured.value.path);
}

export function refuseEnv(env: Readonly<Record<string, string>>): MaestroError | undefined {
  const denied = Object.keys(env).find(isDeniedEnv);
  return denied === undefined
    ? undefined
    : maestroError("env_denied", `The variable ${denied} may not be set for a session.`, { field: `env.${denied}` });
}
