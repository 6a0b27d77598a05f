/** A thing by what a person typed: its name, its id, or a unique prefix of the id. */
import { fail, type ErrorCode } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";

export interface FindBy<Row> {
  /** `host`, as the refusal words it. */
  noun: string;
  notFound: ErrorCode;
  /** With its underscore: `hst_`. */
  prefix: string;
  byName(name: string): Promise<Row | undefined>;
  /** At most `limit` rows whose id lies in [from, to). */
  byIdRange(from: string, to: string, limit: number): Promise<Row[]>;
  /** For the suggestion; asked only when nothing was found. */
  names(): Promise<string[]>;
  label(row: Row): string;
}

const MAX_LISTED = 5;
const MAX_REF_CHARS = 64;
/** Of an id, behind its prefix. */
const ID_CHARS = 26;

/**
 * A whole id first: it is what consoles and scripts send, and nobody may take it by giving it to something as a name.
 * Then the name, then a prefix. Throws `notFound` with the nearest names, or `ambiguous` with the matches.
 */
export async function findBy<Row>(ref: string, by: FindBy<Row>): Promise<Row> {
  const [same] = isIdPrefix(ref, by.prefix) && ref.length === by.prefix.length + ID_CHARS ? await by.byIdRange(ref, `${ref}~`, 1) : [];
  if (same !== undefined) return same;
  const named = await by.byName(ref);
  if (named !== undefined) return named;
  const matches = isIdPrefix(ref, by.prefix) ? await by.byIdRange(ref, `${ref}~`, MAX_LISTED + 1) : [];
  const [only, second] = matches;
  if (only !== undefined && second === undefined) return only;
  if (only !== undefined) {
    const shown = matches.slice(0, MAX_LISTED).map(by.label).join(", ");
    throw fail("ambiguous", `'${ref}' begins the id of several ${by.noun}s: ${shown}${matches.length > MAX_LISTED ? ", …" : ""}.`, {
      hint: "Type more of the id, or the name.",
    });
  }
  const near = nearest(ref.slice(0, MAX_REF_CHARS), await by.names());
  throw fail(
    by.notFound,
    `No ${by.noun} '${ref.slice(0, MAX_REF_CHARS)}'.`,
    near.length === 0 ? {} : { hint: `Did you mean ${near.join(", ")}?` },
  );
}

// `~` sorts after every character of an id, so [prefix, prefix~) is exactly what begins with it.
const isIdPrefix = (ref: string, prefix: string): boolean => ref.startsWith(prefix) && /^[0-9a-z]{1,26}$/.test(ref.slice(prefix.length));
