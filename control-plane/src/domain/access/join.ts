/** Enrolment, decided: the name a new machine gets and the labels it may carry. */
import { maestroError } from "@maestro/shared/errors";
import { NAME_PATTERN } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";

type Labels = Record<string, string>;

/** A name bound to the token wins; a different one asked for is a mistake worth saying, unless it is only the machine's own suggestion. */
export function joinName(bound: string | null, asked: string | undefined, suggested = false): Result<string> {
  if (bound !== null && asked !== undefined && asked !== bound && !suggested) {
    return err(
      maestroError("field_invalid", `This join token is for the host '${bound}'.`, {
        field: "name",
        hint: `Leave the name out, or use ${bound}.`,
      }),
    );
  }
  const name = bound ?? asked;
  if (name === undefined)
    return err(
      maestroError("field_missing", "'name' is required: the join token names no host.", {
        field: "name",
        hint: "Give this machine a name.",
      }),
    );
  return NAME_PATTERN.test(name)
    ? ok(name)
    : err(maestroError("field_invalid", "'name' must match [a-z0-9][a-z0-9_-]{0,62}.", { field: "name", hint: `Try ${slugOf(name)}.` }));
}

/** Labels of the token are the operator's word: a machine adds to them and changes none. */
export const joinLabels = (bound: Labels | null, asked: Labels | undefined): Labels => ({ ...asked, ...bound });

const slugOf = (name: string): string => {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^[-_]+|[-_]+$/g, "")
    .slice(0, 63);
  return slug === "" ? "host" : slug;
};

/** The first of `name-2`, `name-3`, … that is free. */
export function freeName(name: string, taken: readonly string[]): string {
  for (let n = 2; ; n++) {
    const candidate = `${name.slice(0, 58)}-${n}`;
    if (!taken.includes(candidate)) return candidate;
  }
}
