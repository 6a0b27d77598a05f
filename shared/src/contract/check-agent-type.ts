/** The rules of an agent type that go across its fields, the same for a file on a host and a body of the API. */
import { err, ok, type Result } from "../result.ts";
import { maestroError, type MaestroError } from "../errors.ts";
import { DENIED_ENV, type AdapterName, type AgentTypeFile } from "./agent-types.ts";

/** A type with its aliases and defaults resolved. */
export interface AgentType extends Omit<AgentTypeFile, "adapter" | "resources"> {
  adapter: AdapterName;
}

/** `adapter` may be left out where `mode` (then it is kilo, as in the seed's files) or `argv` (then custom) says which. */
export function checkAgentType(file: AgentTypeFile): Result<AgentType> {
  const { resources, adapter: named, ...rest } = file;
  const adapter = named ?? (file.argv !== undefined ? "custom" : file.mode !== undefined ? "kilo" : undefined);
  if (adapter === undefined)
    return err(
      maestroError("field_missing", "Neither `adapter` nor `mode` nor `argv` is given.", {
        field: "adapter",
        hint: "For example adapter: claude",
      }),
    );
  if (adapter === "custom" && file.argv === undefined)
    return err(
      maestroError("field_missing", "A custom type needs `argv`.", {
        field: "argv",
        hint: 'For example argv: ["tool", "--ask", "{{prompt}}"]',
      }),
    );
  if (adapter !== "custom" && file.argv !== undefined)
    return err(maestroError("field_invalid", `\`argv\` belongs to the custom adapter; this type's is '${adapter}'.`, { field: "argv" }));
  const foreign =
    adapter === "custom" ? undefined : (["prompt", "image_flag", "result"] as const).find((field) => file[field] !== undefined);
  if (foreign !== undefined)
    return err(
      maestroError("field_invalid", `\`${foreign}\` belongs to the custom adapter; this type's is '${adapter}'.`, { field: foreign }),
    );
  if (resources !== undefined && file.resource_limits !== undefined)
    return err(maestroError("field_invalid", "`resources` and `resource_limits` are the same thing; give one.", { field: "resources" }));
  const image = refuseImage(file);
  if (image !== undefined) return err(image);
  const denied = Object.keys(file.env ?? {}).find((name) => isDeniedEnv(name));
  if (denied !== undefined)
    return err(maestroError("env_denied", `The variable ${denied} may not be set by a type.`, { field: `env.${denied}` }));
  const placeholder = file.argv
    ?.flatMap((argument) => argument.match(/\{\{[^}]*\}\}/g) ?? [])
    .find((found) => !PLACEHOLDERS.includes(found));
  if (placeholder !== undefined)
    return err(
      maestroError("field_invalid", `'${placeholder}' is not a placeholder.`, {
        field: "argv",
        hint: `Known are ${PLACEHOLDERS.join(", ")}.`,
      }),
    );
  return ok({ ...rest, adapter, ...(resources === undefined ? {} : { resource_limits: resources }) });
}

/** A container is made from an image, and an image is of use to nothing else. */
export function refuseImage({ isolate_with: isolateWith, image }: Pick<AgentTypeFile, "isolate_with" | "image">): MaestroError | undefined {
  if (isolateWith === "docker" && image === undefined)
    return maestroError("field_missing", "A type with `isolate_with: docker` needs the `image` that its containers are made from.", {
      field: "image",
      hint: "For example image: node:24-slim",
    });
  return isolateWith !== "docker" && image !== undefined
    ? maestroError("field_invalid", "`image` is of types with `isolate_with: docker`; this one is not.", {
        field: "image",
        hint: "Write isolate_with: docker, or leave `image` out.",
      })
    : undefined;
}

export const PLACEHOLDERS = ["{{prompt}}", "{{workspace}}", "{{model}}"];

const DENIED: readonly string[] = DENIED_ENV;
/** Whole families: the loader's, and git's configuration, which names programs to run. */
const DENIED_PREFIXES = ["LD_", "DYLD_", "GIT_CONFIG"];
export const isDeniedEnv = (name: string): boolean => DENIED.includes(name) || DENIED_PREFIXES.some((prefix) => name.startsWith(prefix));
