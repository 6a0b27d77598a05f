/** From an agent and its type to what a session of it starts in another place. Pure: what is there is known from its facts. */
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import type { MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN } from "../adapters/builtin.ts";
import { planAgent, type AgentSpec } from "../adapters/launch.ts";
import { notThere, withOwnProgram } from "../adapters/own-program.ts";
import type { RemoteFacts } from "./hand.ts";
import { foundThere, refuseThere, type RemotePlanDeps } from "./remote-plan.ts";

export interface SessionPlan {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** With the program that was set for the agent. */
  adapter: Adapter;
  /** One that was made for its workspace. */
  container?: string;
}

/** @param cwd its workspace, as it is there. */
export function planSession(
  agent: AgentSpec,
  type: AgentType,
  cwd: string,
  { facts, program, policy, record }: Pick<RemotePlanDeps, "facts" | "program" | "policy" | "record">,
): Result<SessionPlan> {
  const own = withOwnProgram(BUILTIN[type.adapter], agent.program, facts.home);
  if (!own.ok) return own;
  const found = foundThere(own.value, program);
  const launch = planAgent(agent, type, own.value, found, cwd);
  if (!launch.ok) return launch;
  const [first = facts.shell, ...rest] = launch.value.argv.length === 0 ? [facts.shell, "-l"] : launch.value.argv;
  const notAllowed = refuseThere(policy, first, own.value, found);
  return notAllowed === undefined
    ? ok({ argv: [first, ...rest], env: { ...baseEnv(facts), ...record.env, ...launch.value.env }, adapter: own.value })
    : err(notAllowed);
}

/** Whether a program that was set for an agent is there shows when it is started. */
export const namingProgram = ({ program }: AgentSpec, { adapter }: SessionPlan, error: MaestroError): MaestroError =>
  program !== undefined && error.code === "spawn_failed" ? notThere(program, error, adapter) : error;

export function baseEnv({ home, user, shell, lang, path }: RemoteFacts): Record<string, string> {
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
