/** What may be handed to a host to launch: paths, environment, types. */
import type { AgentTypeFile, AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { isDeniedEnv, refuseImage } from "@maestro/shared/contract/check-agent-type";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import type { AgentRecord } from "./agent-view.ts";

/** Names that would run somebody's code inside another program. The host checks again, by its own policy. */
export function checkEnv(env: Readonly<Record<string, string>> | undefined): Result<Record<string, string>> {
  for (const [name, value] of Object.entries(env ?? {})) {
    const field = `env.${name}`;
    if (isDeniedEnv(name))
      return err(
        maestroError("env_denied", `The environment name ${name} is not forwarded.`, {
          field,
          hint: "It would change what other programs do; set it in the agent's own configuration.",
        }),
      );
    if (value.includes("\0")) return err(nulByte(field));
  }
  return ok({ ...env });
}

/** A relative path has no meaning on another machine. Whether an absolute one is inside the roots the host says. */
export function checkPath(path: string, field: string): Result<string> {
  if (path.includes("\0")) return err(nulByte(field));
  if (path.startsWith("/") || path === "~" || path.startsWith("~/")) return ok(path);
  return err(
    maestroError("path_outside_roots", `'${path.slice(0, 128)}' is not an absolute path.`, {
      field,
      hint: "Give a path on that host, beginning with /.",
    }),
  );
}

export function checkWords(words: readonly string[], field: string): Result<string[]> {
  const at = words.findIndex((word) => word.includes("\0"));
  return at === -1 ? ok([...words]) : err(nulByte(`${field}[${at}]`));
}

/** Cross-field rules of a type that no schema says. */
export function checkAgentType(type: AgentTypeFile): Result<AgentTypeFile> {
  const adapter = type.adapter ?? (type.argv === undefined ? "kilo" : "custom");
  const invalid = (field: string, detail: string, hint: string) => err(maestroError("agent_type_invalid", detail, { field, hint }));
  if (adapter === "custom" && type.argv === undefined)
    return invalid("argv", "A custom type needs its argv.", 'Give argv, for example ["tool", "--ask", "{{prompt}}"].');
  if (adapter !== "custom" && type.argv !== undefined)
    return invalid("argv", `argv belongs to custom types; '${adapter}' makes its own.`, "Leave argv out, or set adapter to custom.");
  if (adapter !== "custom" && type.prompt !== undefined)
    return invalid("prompt", "prompt belongs to custom types.", "Leave it out, or set adapter to custom.");
  if (type.resources !== undefined && type.resource_limits !== undefined)
    return invalid("resources", "resources and resource_limits are the same thing.", "Keep resource_limits.");
  const image = refuseImage(type);
  if (image !== undefined) return err({ ...image, code: "agent_type_invalid" });
  const denied = checkEnv(type.env);
  if (!denied.ok) return denied;
  return ok({ ...type, adapter });
}

/** Whether this type can be launched on this host, as far as the host has said. */
export function checkLaunchable(
  slug: string,
  report: AgentTypeReport | undefined,
  definedHere: boolean,
  hostName: string,
  known: readonly string[],
): MaestroError | undefined {
  if (report === undefined) {
    if (definedHere) return undefined;
    const near = nearest(slug, known);
    return maestroError("agent_type_not_found", `Host '${hostName}' knows no agent type '${slug}'.`, {
      field: "type",
      hint: near.length === 0 ? "See: maestro agent register" : `Did you mean ${near.join(", ")}?`,
    });
  }
  switch (report.detected.state) {
    case "found":
      return undefined;
    case "missing":
      return maestroError("agent_cli_missing", `'${report.detected.lookedFor}' is not installed on host '${hostName}'.`, {
        hint: `Install it there: ${report.detected.install}`,
      });
    case "invalid":
      return maestroError(
        "agent_type_invalid",
        `Agent type '${slug}' on host '${hostName}': ${report.detected.problem}`,
        report.file === undefined
          ? {}
          : { hint: `See ${report.file}${report.detected.line === undefined ? "" : `:${report.detected.line}`}.` },
      );
  }
}

const nulByte = (field: string): MaestroError => maestroError("nul_byte", `'${field}' contains a NUL byte.`, { field });

/** An agent as its host is told to launch it; a definition where its type is one of the fleet's own. */
export function launchedAgent(
  {
    id,
    name,
    type,
    workspace,
    cwd,
    program,
    model,
    args,
    env,
  }: Pick<AgentRecord, "id" | "name" | "type" | "workspace" | "cwd" | "program" | "model" | "args" | "env">,
  definition: AgentTypeFile | null,
) {
  return {
    id,
    name,
    type,
    workspace: cwd ?? workspace,
    args,
    env,
    ...(program === null ? {} : { program }),
    ...(model === null ? {} : { model }),
    ...(definition === null ? {} : { definition: { ...definition } }),
  };
}
