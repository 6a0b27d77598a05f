/** A session as the API shows it, and finding one by what a person typed. */
import type { Presence, Session } from "@maestro/shared/contract/resources";
import { maestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { err, ok, type Result } from "@maestro/shared/result";
import { iso } from "./host-view.ts";

/** One session with the host it is on. */
export interface PlacedSession {
  info: SessionInfo;
  host: { id: string; name: string; status: Presence; connected: boolean };
  agent: { id: string; name: string } | undefined;
}

export function toSession({ info, host, agent }: PlacedSession): Session {
  const { id, name, backend, title, cwd, command, cols, rows, end } = info;
  return {
    id,
    name,
    backend,
    title,
    cwd,
    command,
    cols,
    rows,
    host: { id: host.id, name: host.name, status: host.status },
    status: end !== undefined ? "ended" : host.connected ? "running" : "unreachable",
    createdAt: iso(info.createdMs),
    lastActivityAt: iso(info.lastActivityMs),
    ...(agent === undefined ? {} : { agent }),
    ...(end === undefined ? {} : { end }),
  };
}

const MAX_LISTED = 5;

/**
 * A whole id first: nobody may draw what is typed there to a session of theirs by naming it so. Then the name, then a
 * unique prefix. Of several with one name the only living one is meant.
 */
export function findSession(sessions: readonly PlacedSession[], ref: string): Result<PlacedSession> {
  const same = sessions.filter(({ info }) => info.id === ref);
  const named = same.length > 0 ? same : sessions.filter(({ info }) => info.name === ref);
  const living = named.filter(({ info }) => info.end === undefined);
  const byName = living.length > 0 ? living : named;
  const matches = byName.length > 0 ? byName : ref.startsWith("ses_") ? sessions.filter(({ info }) => info.id.startsWith(ref)) : [];
  const [only, second] = matches;
  if (only !== undefined && second === undefined) return ok(only);
  const shown = ref.slice(0, 64);
  if (only !== undefined) {
    const listed = matches.slice(0, MAX_LISTED).map(({ info, host }) => `${info.id} (${info.name} on ${host.name})`);
    return err(
      maestroError("ambiguous", `'${shown}' means several sessions: ${listed.join(", ")}${matches.length > MAX_LISTED ? ", …" : ""}.`, {
        hint: "Type more of the id.",
      }),
    );
  }
  const near = nearest(
    shown,
    sessions.map(({ info }) => info.name),
  );
  return err(
    maestroError("session_not_found", `No session '${shown}'.`, near.length === 0 ? {} : { hint: `Did you mean ${near.join(", ")}?` }),
  );
}

/** What a session is called when nobody chose: after its program. */
export function programName(argv: readonly string[]): string {
  const program = argv[0]
    ?.split("/")
    .at(-1)
    ?.replace(/[^\p{L}\p{N}_@+-]/gu, "")
    .replace(/^[^\p{L}\p{N}_]+/u, "")
    .slice(0, 40);
  return program === undefined || program === "" ? "shell" : program;
}

/** A guess that nobody on the host had just now; the host itself gives the next number when somebody has it meanwhile. */
export function freeSessionName(base: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!taken.has(name)) return name;
  }
}
