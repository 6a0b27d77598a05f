/** From an agent and its type to what the holder starts: argv and environment, never a shell string. Pure. */
import { isDeniedEnv, type AgentType } from "@maestro/shared/contract/check-agent-type";
import { maestroError } from "@maestro/shared/errors";
import type { StartAgent } from "@maestro/shared/protocol/link";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import type { Adapter } from "./adapter.ts";

export type AgentSpec = z.infer<typeof StartAgent>["agent"];

export interface Launch {
  /** Empty: the user's login shell. */
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface Program {
  binary: string;
  version: string | undefined;
}

/** @param program where the adapter's binary is; undefined for adapters without one. @param cwd the resolved workspace. */
export function planAgent(agent: AgentSpec, type: AgentType, adapter: Adapter, program: Program | undefined, cwd: string): Result<Launch> {
  const denied = Object.keys(agent.env).find(isDeniedEnv);
  if (denied !== undefined)
    return err(maestroError("env_denied", `The variable ${denied} may not be set for an agent.`, { field: `env.${denied}` }));
  const env = { ...type.env, ...agent.env, MAESTRO_AGENT: agent.name, MAESTRO_AGENT_ID: agent.id };
  switch (adapter.name) {
    case "shell":
      return ok({ argv: agent.args, env });
    case "custom":
      return ok({ argv: [...fillTemplate(type.argv ?? [], { workspace: cwd, model: agent.model }), ...agent.args], env });
    case "claude":
    case "codex":
    case "opencode":
    case "kilo":
    case "gemini":
    case "aider":
    case "copilot":
    case "amp":
    case "qwen": {
      if (program === undefined) {
        return err(
          maestroError(
            "agent_cli_missing",
            `${adapter.title} is not installed on this host: ${adapter.binaries.join(" or ")} was not found.`,
            { field: "type", hint: `Install it there: ${adapter.install}` },
          ),
        );
      }
      const face = adapter.interactive({ model: agent.model, mode: type.mode, permissions: type.permissions, version: program.version });
      return ok({ argv: [program.binary, ...face.args, ...agent.args], env: { ...face.env, ...env } });
    }
  }
}

/**
 * Each placeholder becomes part of exactly one argument. Interactively there is no prompt: an argument that is
 * nothing but a placeholder without value is left out, elsewhere the placeholder becomes empty.
 */
export function fillTemplate(
  template: readonly string[],
  values: { workspace: string; model: string | undefined; prompt?: string | undefined },
): string[] {
  const known: Record<string, string | undefined> = {
    "{{workspace}}": values.workspace,
    "{{model}}": values.model,
    "{{prompt}}": values.prompt,
  };
  return template.flatMap((argument) => {
    if (Object.hasOwn(known, argument)) {
      const value = known[argument];
      return value === undefined ? [] : [value];
    }
    return [argument.replace(/\{\{(?:prompt|workspace|model)\}\}/g, (found) => known[found] ?? "")];
  });
}
