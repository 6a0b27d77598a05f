/** A schema's complaint as one refusal: the exact field, and for an unknown one the name that was meant. */
import type * as z from "zod";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { promptTooLarge } from "../dispatch/check-task.ts";
import { ttlOutOfRange } from "../state/entry.ts";

/** `steps[2].prompt` */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? shown(String(key)) : `${text}.${shown(String(key))}`),
    "",
  );
}

const shown = (text: string): string => escapeUnsafe(text.slice(0, 64));

/**
 * @param known the names taken at a path, for the suggestion.
 * @param present whether the input has a value at a path: a missing field and a wrong one are different mistakes.
 */
export function shapeError(
  error: z.ZodError,
  known: (path: readonly PropertyKey[]) => string[],
  present: (path: readonly PropertyKey[]) => boolean,
): MaestroError {
  // A mistyped name is also a missing one; the mistake is the typing.
  const issue = error.issues.find(({ code }) => code === "unrecognized_keys") ?? error.issues[0];
  if (issue === undefined) return maestroError("field_invalid", "The request does not have the expected shape.", { hint: DESCRIBED });
  const field = fieldPath(issue.path);
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const names = known(issue.path);
    const [near] = nearest(key.slice(0, 64), names, 1);
    return maestroError("unknown_field", `'${shown(key)}' is not a field${field === "" ? " here" : ` of ${field}`}.`, {
      field: fieldPath([...issue.path, key]),
      hint: near !== undefined ? `Did you mean ${near}?` : names.length > 0 ? `Known: ${names.join(", ")}.` : "Nothing is taken here.",
    });
  }
  const own = ownCode(issue, field);
  if (own !== undefined) return own;
  if (field !== "" && !present(issue.path))
    return maestroError("field_missing", `'${field}' is required.`, { field, hint: `Give '${field}'.` });
  return maestroError("field_invalid", `${field === "" ? "The body" : `'${field}'`}: ${complaint(issue)}`, {
    ...(field === "" ? {} : { field }),
    hint: remedy(issue),
  });
}

/** Mistakes that have a code of their own, because it says what to do about them. */
function ownCode(issue: z.core.$ZodIssue, field: string): MaestroError | undefined {
  if (issue.code === "invalid_key" && ENV_MAPS.some((name) => issue.path.includes(name))) {
    return maestroError("env_name_invalid", `'${shown(String(issue.path.at(-1)))}' is no environment name.`, {
      field,
      hint: "Letters, digits and _, not beginning with a digit; the value goes beside it.",
    });
  }
  if (issue.code === "invalid_format" && issue.path.length === 2 && ENV_LISTS.some((name) => issue.path[0] === name))
    return maestroError("env_name_invalid", `'${field}' is no environment name.`, {
      field,
      hint: "Letters, digits and _, not beginning with a digit.",
    });
  if (field === "prompt" && issue.code === "too_big") return promptTooLarge("The prompt is too long.");
  if (field === "ttl") return ttlOutOfRange("This lifetime is not taken.");
  return undefined;
}

const ENV_MAPS = ["env", "credentials"];
const ENV_LISTS = ["secrets", "hostEnv"];

function complaint(issue: z.core.$ZodIssue): string {
  // Of a union's branches only the summary is of use; its parts would contradict each other.
  const text = issue.message.replace(/^Invalid input: /, "");
  return `${escapeUnsafe(text.slice(0, 200))}.`;
}

const DESCRIBED = "What it takes is described at /api/docs.";

/** What would have been taken, where the issue knows it. */
function remedy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `Give ${/^[aeiou]/.test(issue.expected) ? "an" : "a"} ${issue.expected === "int" ? "integer" : issue.expected}.`;
    case "invalid_value":
      return `One of ${issue.values.map(String).join(", ")}.`;
    case "too_small":
      return `At least ${issue.minimum}${UNITS[issue.origin] ?? ""}.`;
    case "too_big":
      return `At most ${issue.maximum}${UNITS[issue.origin] ?? ""}.`;
    case "invalid_format":
    case "invalid_union":
    case "invalid_key":
    case "invalid_element":
    case "not_multiple_of":
    case "unrecognized_keys":
    case "custom":
      return DESCRIBED;
  }
}

const UNITS: Readonly<Record<string, string>> = { string: " characters", array: " items" };
