/**
 * What a person types for a thing. A whole id first: nobody may draw what is typed there to a thing of theirs by naming it
 * so. Then the name, then a unique beginning of an id; the control plane has the same order.
 */
import { fail, type ErrorCode } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import type { ApiClient, Item } from "./api/client.ts";

export interface Named {
  id: string;
  name: string;
}

/** Shorter beginnings are names, or mistakes. */
const MIN_PREFIX = 4;

/** What is looked for, in the words of a refusal. */
export interface Kind {
  one: string;
  many: string;
  /** The commands that list it. */
  lists: readonly string[];
}

const kindOf = (one: string): Kind => ({ one, many: `${one}s`, lists: [`maestro ${one} list`] });

/** @param isMeant of several with one name, those that anybody would mean: the living. */
export function resolveIn<T extends Named>(
  what: string | Kind,
  typed: string,
  items: readonly T[],
  notFound: ErrorCode,
  isMeant: (item: T) => boolean = () => true,
): T {
  const kind = typeof what === "string" ? kindOf(what) : what;
  const exact = items.find((item) => item.id === typed);
  if (exact !== undefined) return exact;
  const all = items.filter((item) => item.name === typed);
  const meant = all.filter(isMeant);
  const named = meant.length > 0 ? meant : all;
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  if (named.length > 1) throw ambiguous(kind, typed, named);
  const matches = typed.length >= MIN_PREFIX ? items.filter((item) => item.id.startsWith(typed)) : [];
  const [first] = matches;
  if (first !== undefined && matches.length === 1) return first;
  if (matches.length > 1) throw ambiguous(kind, typed, matches);
  const near = nearest(
    typed,
    items.map((item) => item.name),
  );
  throw fail(notFound, `There is no ${kind.one} '${typed.slice(0, 64)}'.`, { hint: suggestion(kind, near, items) });
}

function suggestion({ many, lists }: Kind, near: readonly string[], items: readonly Named[]): string {
  if (near.length > 0) return `Did you mean ${near.join(", ")}?`;
  return items.length === 0 ? `There are no ${many} yet.` : `See: ${lists.join(", ")}`;
}

/** At most this many matches are listed. */
const SHOWN_MATCHES = 5;

function ambiguous({ many }: Kind, typed: string, matches: readonly Named[]) {
  const shown = matches.slice(0, SHOWN_MATCHES).map(({ id, name }) => `${name} (${id})`);
  return fail("ambiguous", `'${typed.slice(0, 64)}' names ${matches.length} ${many}.`, {
    hint: `One of: ${shown.join(", ")}`,
    extra: { matches: matches.slice(0, SHOWN_MATCHES).map(({ id }) => id) },
  });
}

export const resolveHost = async (api: ApiClient, typed: string): Promise<Item<"hosts">> =>
  resolveIn("host", typed, await api.all("hosts"), "host_not_found");
export const resolveAgent = async (api: ApiClient, typed: string): Promise<Item<"agents">> =>
  resolveIn("agent", typed, await api.all("agents"), "agent_not_found");
export const resolveSession = async (api: ApiClient, typed: string): Promise<Item<"sessions">> =>
  resolveIn("session", typed, await api.all("sessions"), "session_not_found", lives);
export const lives = ({ end }: { end?: unknown }): boolean => end === undefined;
export const resolveToken = async (api: ApiClient, typed: string): Promise<Item<"tokens">> =>
  resolveIn("token", typed, await api.all("tokens"), "token_not_found");
