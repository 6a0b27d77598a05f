/** Agents: named instances of a type on a host. */
import { and, asc, eq, gt, gte, inArray, lt, sql } from "drizzle-orm";
import { fail } from "@maestro/shared/errors";
import type { AgentId, FleetId, HostId, SessionId } from "@maestro/shared/ids";
import type { Db } from "./client.ts";
import { findBy } from "./find.ts";
import { toPage, type Page, type PageAsk } from "./page.ts";
import { agents } from "./schema.ts";
import { isUniqueViolation } from "./unique.ts";

export type AgentRow = typeof agents.$inferSelect;
export type NewAgent = Omit<AgentRow, "session" | "updatedMs">;

export interface AgentChange {
  name?: string | undefined;
  role?: string | null | undefined;
  priority?: number | undefined;
  tags?: string[] | undefined;
  model?: string | null | undefined;
  env?: Record<string, string> | undefined;
  args?: string[] | undefined;
  cwd?: string | null | undefined;
  program?: string | null | undefined;
  host?: HostId | undefined;
  workspace?: string | undefined;
  session?: null | undefined;
}

/** In name order. `group` takes the name itself and everything below it. */
export async function listAgents(
  db: Db,
  fleet: FleetId,
  ask: PageAsk,
  filter: { host?: HostId | undefined; group?: string | undefined } = {},
): Promise<Page<AgentRow>> {
  const below = filter.group?.replaceAll("/", "-");
  const rows = await db
    .select()
    .from(agents)
    .where(
      and(
        eq(agents.fleet, fleet),
        filter.host === undefined ? undefined : eq(agents.host, filter.host),
        // `.` is the character after `-`, so this range is every name that begins with `group-`.
        below === undefined ? undefined : and(gte(agents.name, `${below}-`), lt(agents.name, `${below}.`)),
        ask.after === undefined ? undefined : gt(agents.name, ask.after),
      ),
    )
    .orderBy(asc(agents.name))
    .limit(ask.limit + 1);
  return toPage(rows, ask, (row) => row.name);
}

/** By name, id or unique id prefix; throws `agent_not_found` or `ambiguous`. */
export function findAgent(db: Db, fleet: FleetId, ref: string): Promise<AgentRow> {
  return findBy<AgentRow>(ref, {
    noun: "agent",
    notFound: "agent_not_found",
    prefix: "agt_",
    byName: async (name) =>
      db
        .select()
        .from(agents)
        .where(and(eq(agents.fleet, fleet), eq(agents.name, name)))
        .get(),
    byIdRange: (from, to, limit) =>
      db
        .select()
        .from(agents)
        .where(and(eq(agents.fleet, fleet), gte(sql`${agents.id}`, from), lt(sql`${agents.id}`, to)))
        .limit(limit),
    names: async () =>
      (await db.select({ name: agents.name }).from(agents).where(eq(agents.fleet, fleet)).limit(1000)).map((row) => row.name),
    label: (row) => `${row.name} (${row.id})`,
  });
}

/** @param ids as many as a statement of D1 takes: fewer than a hundred. */
export function agentsByIds(db: Db, fleet: FleetId, ids: AgentId[]): Promise<AgentRow[]> {
  return db
    .select()
    .from(agents)
    .where(and(eq(agents.fleet, fleet), inArray(agents.id, ids)));
}

/** Throws `agent_exists` when the name is taken. */
export async function insertAgent(db: Db, agent: NewAgent): Promise<AgentRow> {
  try {
    return await db
      .insert(agents)
      .values({ ...agent, updatedMs: agent.createdMs })
      .returning()
      .get();
  } catch (error) {
    throw isUniqueViolation(error, "agents.name") ? agentExists(agent.name) : error;
  }
}

/** @param at where it was, and in which session: one that was started or moved since is not changed. Undefined: wherever it is. */
export async function updateAgent(
  db: Db,
  fleet: FleetId,
  id: AgentId,
  change: AgentChange,
  nowMs: number,
  at?: Pick<AgentRow, "host" | "session">,
): Promise<AgentRow> {
  try {
    const row = await db
      .update(agents)
      .set({ ...change, updatedMs: nowMs })
      .where(
        and(
          eq(agents.fleet, fleet),
          eq(agents.id, id),
          at === undefined ? undefined : and(eq(agents.host, at.host), sessionIs(at.session)),
        ),
      )
      .returning()
      .get();
    if (row === undefined)
      throw at === undefined
        ? fail("agent_not_found", `No agent '${id}'.`)
        : fail("agent_running", "The agent was started or moved meanwhile.", { hint: `Look at it first: maestro agent show ${id}` });
    return row;
  } catch (error) {
    throw isUniqueViolation(error, "agents.name") ? agentExists(change.name ?? "") : error;
  }
}

/** Compare-and-set: of two starts at once only one takes the place of `previous`. Returns whether this one did. */
export async function setAgentSession(
  db: Db,
  fleet: FleetId,
  id: AgentId,
  session: SessionId | null,
  previous: SessionId | null,
  nowMs: number,
): Promise<boolean> {
  const row = await db
    .update(agents)
    .set({ session, updatedMs: nowMs })
    .where(and(eq(agents.fleet, fleet), eq(agents.id, id), sessionIs(previous)))
    .returning({ id: agents.id })
    .get();
  return row !== undefined;
}

/** Whether there was one to remove. */
export async function removeAgent(db: Db, fleet: FleetId, id: AgentId): Promise<boolean> {
  return (
    (await db
      .delete(agents)
      .where(and(eq(agents.fleet, fleet), eq(agents.id, id)))
      .returning({ id: agents.id })
      .get()) !== undefined
  );
}

const sessionIs = (session: SessionId | null) => (session === null ? sql`${agents.session} is null` : eq(agents.session, session));

const agentExists = (name: string): Error =>
  fail("agent_exists", `An agent named '${name}' exists.`, { field: "name", hint: `Give it another name, such as ${name}-2.` });
