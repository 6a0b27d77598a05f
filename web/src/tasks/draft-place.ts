/** Where a task that is being written works, and with which keys: a part of the draft. Pure. */
import { EnvName } from "@maestro/shared/contract/agent-types";
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
  keys: [],
  secrets: [],
  hostEnv: "",
  forwardAgent: false,
};

/** As the API names them; what lies within another comes before it. */
export const PLACE_FIELDS = ["repository.branch", "repository", "container", "credentials", "secrets", "hostEnv", "forwardAgent"] as const;

type PlaceBody = Pick<z.input<typeof TaskBody>, "repository" | "container" | "credentials" | "secrets" | "hostEnv" | "forwardAgent">;

/** Only what was asked for. A branch is one of a repository: without that it says nothing. */
export function placeBody(draft: PlaceDraft): PlaceBody {
  const [url, branch, container] = [draft.repository.trim(), draft.branch.trim(), draft.container.trim()];
  const credentials = recordOf(draft.keys);
  const hostEnv = namesOf(draft.hostEnv);
  return {
    ...(url === "" ? {} : { repository: { url, ...(branch === "" ? {} : { branch }) } }),
    ...(container === "" ? {} : { container }),
    ...(Object.keys(credentials).length === 0 ? {} : { credentials }),
    ...(draft.secrets.length === 0 ? {} : { secrets: [...draft.secrets] }),
    ...(hostEnv.length === 0 ? {} : { hostEnv }),
    ...(draft.forwardAgent ? { forwardAgent: true } : {}),
  };
}

/** By the ids of rows. */
const keyProblems = (keys: readonly Pair[]): Map<number, MaestroError> =>
  pairProblems(
    keys,
    (a, b) => a === b,
    ({ name, value }) => {
      if (!EnvName.safeParse(name).success)
        return maestroError("env_name_invalid", `${name} cannot be the name of a variable.`, { hint: "Letters, digits and _." });
      if (value === "") return maestroError("field_missing", `${name} has no value.`);
      return value.length > MAX_KEY_CHARS
        ? maestroError("value_too_large", `${name} has more than ${MAX_KEY_CHARS} characters.`)
        : undefined;
    },
  );

const MAX_KEY_CHARS = 16_384;

export function checkKeys(keys: readonly Pair[]): Result<void> {
  const [first] = keyProblems(keys).values();
  return first === undefined ? ok(undefined) : err(first);
}

/** What is wrong with which row, by its id; `whole`: with all of them together. @param error of `credentials`, as it was found or came back. */
export function keyErrors(
  keys: readonly Pair[],
  error: MaestroError | undefined,
): { rows: ReadonlyMap<number, MaestroError>; whole: MaestroError | undefined } {
  if (error === undefined) return { rows: new Map(), whole: undefined };
  const rows = keyProblems(keys);
  const refused = filled(keys).find(({ name }) => error.field === `credentials.${name}`);
  if (refused !== undefined && !rows.has(refused.id)) rows.set(refused.id, error);
  return { rows, whole: error.field === "credentials" ? error : undefined };
}

export const namesOf = (text: string): string[] => [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
