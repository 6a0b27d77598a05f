/** Where a task that is being written works, and with which variables and keys: a part of the draft. Pure. */
import { EnvName } from "@maestro/shared/contract/agent-types";
import { FORWARDABLE_ENV } from "@maestro/shared/contract/state";
import type { TaskBody } from "@maestro/shared/contract/tasks";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type * as z from "zod";
import { filled, pairProblems, recordOf, type Pair } from "../remote/pairs.ts";

export interface PlaceDraft {
  /** Address; empty: none is cloned. */
  repository: string;
  branch: string;
  container: string;
  /** Plain variables: they are kept as they stand. */
  env: readonly Pair[];
  /** Names with their values: sent once, kept nowhere else. */
  keys: readonly Pair[];
  /** Names of the fleet's. */
  secrets: readonly string[];
  /** Names, between blanks or commas. */
  hostEnv: string;
  forwardAgent: boolean;
}

export const emptyPlace: PlaceDraft = {
  repository: "",
  branch: "",
  container: "",
  env: [],
  keys: [],
  secrets: [],
  hostEnv: "",
  forwardAgent: false,
};

/** As the API names them; what lies within another comes before it. */
export const PLACE_FIELDS = [
  "repository.branch",
  "repository",
  "container",
  "env",
  "credentials",
  "secrets",
  "hostEnv",
  "forwardAgent",
] as const;

type PlaceBody = Pick<
  z.input<typeof TaskBody>,
  "repository" | "container" | "env" | "credentials" | "secrets" | "hostEnv" | "forwardAgent"
>;

/** Only what was asked for. A branch is one of a repository: without that it says nothing. */
export function placeBody(draft: PlaceDraft): PlaceBody {
  const [url, branch, container] = [draft.repository.trim(), draft.branch.trim(), draft.container.trim()];
  const [env, credentials] = [recordOf(draft.env), recordOf(draft.keys)];
  const hostEnv = namesOf(draft.hostEnv);
  return {
    ...(url === "" ? {} : { repository: { url, ...(branch === "" ? {} : { branch }) } }),
    ...(container === "" ? {} : { container }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(Object.keys(credentials).length === 0 ? {} : { credentials }),
    ...(draft.secrets.length === 0 ? {} : { secrets: [...draft.secrets] }),
    ...(hostEnv.length === 0 ? {} : { hostEnv }),
    ...(draft.forwardAgent ? { forwardAgent: true } : {}),
  };
}

type Check = (pair: Pair) => MaestroError | undefined;
interface RowErrors {
  /** What is wrong with which row, by its id. */
  rows: ReadonlyMap<number, MaestroError>;
  /** With all of them together. */
  whole: MaestroError | undefined;
}

const nameProblem: Check = ({ name }) =>
  EnvName.safeParse(name).success
    ? undefined
    : maestroError("env_name_invalid", `${name} cannot be the name of a variable.`, { hint: "Letters, digits and _." });

const lengthProblem = ({ name, value }: Pair, most: number): MaestroError | undefined =>
  value.length > most ? maestroError("value_too_large", `${name} has more than ${most} characters.`) : undefined;

const MAX_KEY_CHARS = 16_384;
const keyProblem: Check = (pair) =>
  nameProblem(pair) ??
  (pair.value === "" ? maestroError("field_missing", `${pair.name} has no value.`) : lengthProblem(pair, MAX_KEY_CHARS));

const MAX_VARIABLE_CHARS = 4_096;
const variableProblem: Check = (pair) =>
  nameProblem(pair) ??
  (FORWARDABLE_ENV.some((name) => name === pair.name)
    ? maestroError("env_denied", `${pair.name} is a credential, and a plain variable is kept as it stands.`, {
        hint: "Give it as a key: it is sealed then.",
      })
    : lengthProblem(pair, MAX_VARIABLE_CHARS));

const problemsOf = (pairs: readonly Pair[], check: Check): Map<number, MaestroError> => pairProblems(pairs, (a, b) => a === b, check);

function checked(pairs: readonly Pair[], check: Check): Result<void> {
  const [first] = problemsOf(pairs, check).values();
  return first === undefined ? ok(undefined) : err(first);
}
export const checkKeys = (keys: readonly Pair[]): Result<void> => checked(keys, keyProblem);
export const checkVariables = (env: readonly Pair[]): Result<void> => checked(env, variableProblem);

/** @param error of `field`, as it was found or came back. */
function rowErrors(pairs: readonly Pair[], error: MaestroError | undefined, field: string, check: Check): RowErrors {
  if (error === undefined) return { rows: new Map(), whole: undefined };
  const rows = problemsOf(pairs, check);
  const refused = filled(pairs).find(({ name }) => error.field === `${field}.${name}`);
  if (refused !== undefined && !rows.has(refused.id)) rows.set(refused.id, error);
  return { rows, whole: error.field === field ? error : undefined };
}
export const keyErrors = (keys: readonly Pair[], error: MaestroError | undefined): RowErrors =>
  rowErrors(keys, error, "credentials", keyProblem);
export const variableErrors = (env: readonly Pair[], error: MaestroError | undefined): RowErrors =>
  rowErrors(env, error, "env", variableProblem);

export const namesOf = (text: string): string[] => [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
