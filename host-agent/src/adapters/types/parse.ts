/** One `agents.d` file into a type, or into what is wrong with it and on which line. Pure. */
import * as z from "zod";
import { AgentTypeFile, ResourceLimits, Slug } from "@maestro/shared/contract/agent-types";
import { checkAgentType, type AgentType } from "@maestro/shared/contract/check-agent-type";
import { nearest } from "@maestro/shared/names";
import { parseStrictYaml, type StrictYaml, type YamlProblem } from "../../config/strict-yaml.ts";

/** `slug`: what the file calls its type, where it can be told. */
export type ParsedType = { type: "type"; value: AgentType } | ({ type: "problem"; slug?: string | undefined } & YamlProblem);

export function parseTypeFile(bytes: Uint8Array): ParsedType {
  const yaml = parseStrictYaml(bytes);
  if (yaml.type === "problem") return yaml;
  const parsed = checkTypeFile(yaml);
  return parsed.type === "type" ? parsed : { ...parsed, slug: Slugged.safeParse(yaml.value).data?.slug };
}

/** A file with a mistake elsewhere still says which type it was to be. */
const Slugged = z.object({ slug: Slug });

function checkTypeFile(yaml: Extract<StrictYaml, { type: "value" }>): ParsedType {
  const parsed = AgentTypeFile.safeParse(yaml.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    if (issue === undefined) return bad("the file is not a type", 1);
    const path = issue.path.filter((part) => typeof part !== "symbol");
    if (issue.code === "unrecognized_keys") {
      const key = issue.keys[0] ?? "";
      const [near] = nearest(key, knownKeys(path), 1);
      return bad(
        `unknown key '${[...path, key].join(".")}'${near === undefined ? "" : `, did you mean '${near}'?`}`,
        yaml.lineOf([...path, key]),
      );
    }
    const missing = issue.code === "invalid_type" && !yaml.has(path);
    return bad(missing ? `'${path.join(".")}' is missing` : `'${path.join(".")}': ${issue.message}`, yaml.lineOf(path));
  }
  const checked = checkAgentType(parsed.data);
  if (checked.ok) return { type: "type", value: checked.value };
  // What is told behind a place is no sentence.
  return bad(checked.error.detail.replace(/\.$/, ""), yaml.lineOf((checked.error.field ?? "").split(".")));
}

const knownKeys = (path: readonly (string | number)[]): string[] =>
  Object.keys(path.length === 0 ? AgentTypeFile.shape : ResourceLimits.shape);

const bad = (problem: string, line: number | undefined): ParsedType => ({ type: "problem", problem, line });
