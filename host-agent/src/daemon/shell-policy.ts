/**
 * What `shell: deny` of the host's policy promises: only agents start here, of types that this host knows itself, exactly
 * as it knows them. An argument, a variable or a definition chosen elsewhere can make nearly every agent CLI run a
 * command of its chooser's (settings, hooks, tool servers, EDITOR, …), so none is taken. Nor does anybody from elsewhere
 * get at a shell that runs already: the user's own tmux sessions, or those of a time before the policy.
 */
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import type { AgentSpec } from "../adapters/launch.ts";
import { locateProgram } from "../adapters/locate.ts";
import type { Policy } from "./policy.ts";

export function refuseSession({ shell }: Pick<Policy, "shell">): MaestroError | undefined {
  return shell === "deny" ? denied("This host's policy allows agents only: no shell and no free command.") : undefined;
}

export function refuseAgent({ shell }: Pick<Policy, "shell">, agent: AgentSpec, type: AgentType): MaestroError | undefined {
  if (shell === "allow") return undefined;
  if (type.adapter === "shell") return denied("This host's policy allows agents only: no shell and no free command.", "type");
  if (agent.definition !== undefined)
    return denied(`This host's policy allows its own agent types only; '${type.slug}' was defined on the control plane.`, "type");
  if (agent.args.length > 0) return denied("This host's policy allows an agent no arguments but those of its type.", "args");
  if (agent.program !== undefined)
    return denied("This host's policy allows an agent no program but that of its type.", agent.program.includes("/") ? "bin" : "binName");
  const [name] = Object.keys(agent.env);
  if (name !== undefined) return denied("This host's policy allows an agent no variables but those of its type.", `env.${name}`);
  // Some CLIs read a value that looks like a flag as one.
  if (agent.model?.startsWith("-") === true)
    return denied("This host's policy allows an agent no arguments but those of its type.", "model");
  return undefined;
}

/** @param file where the program was found; names on the list are looked for in the same places. */
export function refuseBinary({ binaries }: Pick<Policy, "binaries">, file: string, searchPath: string): MaestroError | undefined {
  if (binaries === undefined || binaries.some((one) => locateProgram([one], searchPath) === file)) return undefined;
  return maestroError("policy_denied", `This host's policy does not allow '${file}' to be started.`, {
    field: "command",
    hint: `Allowed are: ${binaries.join(", ")}. Name it under \`binaries\` in the host's policy file.`,
  });
}

/** @param session undefined when it is not known: whoever looks for it says so. */
export function refuseReach({ shell }: Pick<Policy, "shell">, session: SessionInfo | undefined): MaestroError | undefined {
  if (shell === "allow" || session === undefined || session.agent !== undefined) return undefined;
  return denied(`This host's policy lets nobody at '${session.name}' from elsewhere: no agent runs in it.`);
}

const denied = (detail: string, field?: string): MaestroError =>
  maestroError("policy_denied", detail, {
    ...(field === undefined ? {} : { field }),
    hint: "`shell: deny` in its policy file says so; what it should allow goes into a type file of its agents.d.",
  });
