/** An agent's settings as they are being written in the form, what is wrong with them, and the change they become. Pure. */
import { settingsProblem } from "@maestro/shared/contract/agent-settings";
import { EnvName } from "@maestro/shared/contract/agent-types";
import { isDeniedEnv } from "@maestro/shared/contract/check-agent-type";
import type { Agent, AgentPatch } from "@maestro/shared/contract/resources";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { pairProblems, pairsOf, recordOf, type Pair } from "../remote/pairs.ts";

/** Texts are as typed. */
export interface AgentDraft {
  host: string;
  cwd: string;
  /** A file or a name. */
  program: string;
  role: string;
  model: string;
  priority: number;
  env: readonly Pair[];
}

export const agentDraftOf = (agent: Agent): AgentDraft => ({
  host: agent.host.id,
  cwd: agent.cwd ?? "",
  program: agent.bin ?? agent.binName ?? "",
  role: agent.role ?? "",
  model: agent.model ?? "",
  priority: agent.priority,
  env: pairsOf(agent.env),
});

const orNull = (text: string): string | null => (text.trim() === "" ? null : text.trim());

const programPart = (text: string): Partial<Pick<AgentPatch, "bin" | "binName">> =>
  text.trim() === "" ? { bin: null } : text.includes("/") ? { bin: text.trim() } : { binName: text.trim() };

/** Only what is other than before. */
export function agentPatchOf(draft: AgentDraft, agent: Agent): AgentPatch {
  const before = agentDraftOf(agent);
  const env = recordOf(draft.env);
  const changed = (field: "cwd" | "program" | "role" | "model"): boolean => draft[field].trim() !== before[field];
  return {
    ...(draft.host === before.host ? {} : { host: draft.host }),
    ...(changed("cwd") ? { cwd: orNull(draft.cwd) } : {}),
    ...(changed("program") ? programPart(draft.program) : {}),
    ...(changed("role") ? { role: orNull(draft.role) } : {}),
    ...(changed("model") ? { model: orNull(draft.model) } : {}),
    ...(draft.priority === before.priority ? {} : { priority: draft.priority }),
    ...(JSON.stringify(env) === JSON.stringify(agent.env) ? {} : { env }),
  };
}

export interface AgentProblems {
  cwd: MaestroError | undefined;
  program: MaestroError | undefined;
  /** By the ids of rows. */
  env: ReadonlyMap<number, MaestroError>;
}

export function agentProblems({ cwd, program, env }: AgentDraft): AgentProblems {
  return {
    cwd: settingsProblem({ cwd: orNull(cwd) }),
    program: settingsProblem(programPart(program)),
    env: pairProblems(env, (a, b) => a === b, nameProblem),
  };
}

export const agentIsWrong = ({ cwd, program, env }: AgentProblems): boolean => cwd !== undefined || program !== undefined || env.size > 0;

function nameProblem({ name }: Pair): MaestroError | undefined {
  if (!EnvName.safeParse(name).success)
    return maestroError("env_name_invalid", `'${name}' is no name of a variable.`, {
      hint: "Letters, digits and _, not beginning with a digit.",
    });
  return isDeniedEnv(name) ? maestroError("env_denied", `${name} may not be set for an agent.`) : undefined;
}
