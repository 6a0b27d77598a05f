/** A task as it is being written in the dialog, and the request it becomes, or what is wrong with which field. Pure. */
import { maestroError, type ErrorCode, type MaestroError } from "@maestro/shared/errors";
import { TaskBody } from "@maestro/shared/contract/tasks";
import { MAX_PROMPT_CHARS, MAX_TASK_RETRIES, MAX_TASK_TIMEOUT_MS, MIN_TASK_TIMEOUT_MS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import { splitArgv } from "./argv.ts";
import { checkKeys, checkVariables, emptyPlace, namesOf, placeBody, PLACE_FIELDS, type PlaceDraft } from "./draft-place.ts";
import type { ChosenImage } from "./images.ts";

export const DEPENDENCY_ON = ["success", "completion", "failure"] as const;

export interface Draft {
  kind: "prompt" | "command";
  prompt: string;
  command: string;
  /** Of the prompt. */
  images: readonly ChosenImage[];
  /** Names. */
  agents: readonly string[];
  /** Name; empty: any host that can. */
  host: string;
  priority: number;
  /** As typed: `30m`; empty: the default. */
  timeout: string;
  retries: string;
  /** Ids, between blanks or commas. */
  dependsOn: string;
  dependsWhen: (typeof DEPENDENCY_ON)[number];
  model: string;
  description: string;
  place: PlaceDraft;
}

export const emptyDraft: Draft = {
  kind: "prompt",
  prompt: "",
  command: "",
  images: [],
  agents: [],
  host: "",
  priority: 3,
  timeout: "",
  retries: "",
  dependsOn: "",
  dependsWhen: "success",
  model: "",
  description: "",
  place: emptyPlace,
};

const OWN_FIELDS = [
  "prompt",
  "command",
  "images",
  "to",
  "on",
  "priority",
  "timeoutMs",
  "retries",
  "dependsOn",
  "model",
  "description",
] as const;
const FIELDS = [...OWN_FIELDS, ...PLACE_FIELDS] as const;
export type Field = (typeof FIELDS)[number];
export type FieldErrors = Partial<Record<Field, MaestroError>>;
type Body = z.input<typeof TaskBody>;

export function bodyOf(draft: Draft): Result<Body, FieldErrors> {
  const errors: FieldErrors = {};
  const take = <T>(field: Field, result: Result<T>): T | undefined => {
    if (result.ok) return result.value;
    errors[field] = result.error;
    return undefined;
  };
  const work =
    draft.kind === "prompt"
      ? {
          prompt: take("prompt", promptOf(draft.prompt)),
          ...(draft.images.length === 0 ? {} : { images: draft.images.map(({ name, data }) => ({ name, data })) }),
          to: take("to", agentsOf(draft.agents)),
        }
      : { command: take("command", splitArgv(draft.command)), on: draft.host === "" ? {} : { host: draft.host } };
  const timeoutMs = take("timeoutMs", timeoutOf(draft.timeout));
  const retries = take("retries", wholeNumber(draft.retries, MAX_TASK_RETRIES));
  take("env", checkVariables(draft.place.env));
  take("credentials", checkKeys(draft.place.keys));
  const dependsOn = idsOf(draft.dependsOn).map((task) => ({ task, on: draft.dependsWhen }));
  if (Object.keys(errors).length > 0) return err(errors);
  const body = {
    ...work,
    ...(draft.priority === emptyDraft.priority ? {} : { priority: draft.priority }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retries === undefined ? {} : { retries }),
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
    ...(draft.model.trim() === "" ? {} : { model: draft.model.trim() }),
    ...(draft.description.trim() === "" ? {} : { description: draft.description.trim() }),
    ...placeBody(draft.place),
  };
  const checked = TaskBody.safeParse(body);
  if (checked.success) return ok(checked.data);
  for (const { path, message } of checked.error.issues) {
    const field = fieldOf(path.join("."));
    if (field !== undefined) errors[field] ??= maestroError("field_invalid", sentence(message), { field });
  }
  return err(errors);
}

const PLACES: Partial<Record<ErrorCode, Field>> = {
  target_missing: "to",
  agent_not_found: "to",
  agent_unhealthy: "to",
  agent_cli_missing: "to",
  host_not_found: "on",
  prompt_too_large: "prompt",
  dependency_self: "dependsOn",
  dependency_cycle: "dependsOn",
  dependency_not_found: "dependsOn",
  dependency_failed: "dependsOn",
  secret_not_found: "secrets",
};

/** Where in the dialog a refusal belongs; undefined: nowhere, it concerns the whole. */
export function placeOfError({ code, field }: Pick<MaestroError, "code" | "field">): Field | undefined {
  return (field === undefined ? undefined : fieldOf(field)) ?? PLACES[code];
}

/** `dependsOn.0.task` and `to[1]` belong to `dependsOn` and `to`. */
const fieldOf = (path: string): Field | undefined => FIELDS.find((field) => new RegExp(`^${field}(\\W|$)`).test(path));

export const idsOf = namesOf;

const sentence = (message: string): string => `${message.slice(0, 1).toUpperCase()}${message.slice(1).replace(/([^.])$/, "$1.")}`;

function promptOf(prompt: string): Result<string> {
  if (prompt.trim() === "") return err(maestroError("field_missing", "Say what is to be done.", { field: "prompt" }));
  return prompt.length > MAX_PROMPT_CHARS
    ? err(
        maestroError(
          "prompt_too_large",
          `That is ${prompt.length.toLocaleString("en-US")} characters; at most ${MAX_PROMPT_CHARS.toLocaleString("en-US")} fit.`,
          {
            field: "prompt",
            hint: "Put long material into a file of the workspace and name it here.",
          },
        ),
      )
    : ok(prompt);
}

const agentsOf = (agents: readonly string[]): Result<string[]> =>
  agents.length === 0 ? err(maestroError("target_missing", "Choose at least one agent.", { field: "to" })) : ok([...agents]);

const UNITS: Record<string, number> = { "": 1, s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };

/** `90`, `90s`, `30m`, `2h`, `1d`, and `1h 30m`. Nothing: the default. */
export function timeoutOf(text: string): Result<number | undefined> {
  if (text.trim() === "") return ok(undefined);
  const wrong = (detail: string): Result<never> =>
    err(maestroError("field_invalid", detail, { field: "timeoutMs", hint: "Such as 90s, 30m, 2h or 1h 30m." }));
  const PART = /(\d+(?:\.\d+)?)\s*(min|[smhd])?/gi;
  if (text.replace(PART, "").trim() !== "") return wrong("That is no length of time.");
  const parts = [...text.matchAll(PART)];
  const ms = parts.reduce((sum, [, value = "0", unit = ""]) => sum + Number(value) * (UNITS[unit.toLowerCase()] ?? 0) * 1000, 0);
  if (ms < MIN_TASK_TIMEOUT_MS) return wrong("At least one second.");
  return ms > MAX_TASK_TIMEOUT_MS ? wrong("At most 30 days.") : ok(Math.round(ms));
}

function wholeNumber(text: string, most: number): Result<number | undefined> {
  if (text.trim() === "") return ok(undefined);
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 && value <= most
    ? ok(value)
    : err(maestroError("field_invalid", `A whole number from 0 to ${most}.`, { field: "retries" }));
}
