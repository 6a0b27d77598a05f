/** A host, agent, session or task, whichever has the name or id that was typed. */
import type { TaskDetail } from "@maestro/shared/contract/tasks";
import { MaestroFailure } from "@maestro/shared/errors";
import type { ApiClient, Item } from "../api/client.ts";
import type { Output } from "../render/output.ts";
import { renderFields } from "../render/table.ts";
import { ServerRefusal } from "../render/failure.ts";
import { lives, resolveIn, type Kind } from "../resolve.ts";
import { hostText } from "./host-view.ts";
import { sessionText } from "./session-view.ts";
import { taskText } from "./task-view.ts";

export interface Everything {
  hosts: readonly Item<"hosts">[];
  agents: readonly Item<"agents">[];
  sessions: readonly Item<"sessions">[];
}

export type Thing = { id: string; name: string } & (
  | { kind: "host"; value: Item<"hosts"> }
  | { kind: "agent"; value: Item<"agents"> }
  | { kind: "session"; value: Item<"sessions"> }
);

export async function everything(client: ApiClient): Promise<Everything> {
  const [hosts, agents, sessions] = await Promise.all([client.all("hosts"), client.all("agents"), client.all("sessions")]);
  return { hosts, agents, sessions };
}

const ANYTHING: Kind = {
  one: "host, agent, session or task",
  many: "hosts, agents, sessions or tasks",
  lists: ["maestro host list", "maestro agent list", "maestro session list", "maestro task list"],
};

export function findThing({ hosts, agents, sessions }: Everything, typed: string): Thing {
  const all: Thing[] = [
    ...hosts.map((value) => ({ id: value.id, name: value.name, kind: "host" as const, value })),
    ...agents.map((value) => ({ id: value.id, name: value.name, kind: "agent" as const, value })),
    ...sessions.map((value) => ({ id: value.id, name: value.name, kind: "session" as const, value })),
  ];
  return resolveIn(
    ANYTHING,
    typed,
    all,
    typed.startsWith("hst_") ? "host_not_found" : typed.startsWith("agt_") ? "agent_not_found" : "session_not_found",
    // An agent's session is called as the agent is, which says more.
    (thing) => thing.kind !== "session" || (lives(thing.value) && thing.value.agent?.name !== thing.name),
  );
}

export type Found = Thing | { kind: "task"; id: string; name: string; value: TaskDetail };

/** Tasks are too many to be listed, and have no names: the server is asked for one where nothing else is called so. */
export async function findAnything(client: ApiClient, all: Everything, typed: string): Promise<Found> {
  if (!typed.startsWith("tsk_")) {
    try {
      return findThing(all, typed);
    } catch (error) {
      if (!(error instanceof MaestroFailure) || !error.error.code.endsWith("_not_found")) throw error;
      const task = await taskCalled(client, typed);
      if (task === undefined) throw error;
      return task;
    }
  }
  const value = await client.call("task", { params: { id: typed } });
  return { kind: "task", id: value.id, name: value.id, value };
}

async function taskCalled(client: ApiClient, typed: string): Promise<Found | undefined> {
  try {
    const value = await client.call("task", { params: { id: typed } });
    return { kind: "task", id: value.id, name: value.id, value };
  } catch (error) {
    // Whatever it says of tasks, what was typed is no name of anything else either.
    if (error instanceof ServerRefusal) return undefined;
    throw error;
  }
}

export function thingText(out: Output, thing: Found, nowMs: number): string[] {
  switch (thing.kind) {
    case "task":
      return taskText(out, thing.value, nowMs);
    case "host":
      return hostText(out, thing.value);
    case "session":
      return sessionText(out, thing.value);
    case "agent":
      return renderFields([
        ["agent", thing.value.name],
        ["id", thing.value.id],
        ["status", thing.value.status],
        ["host", thing.value.host.name],
        ["session", thing.value.session],
      ]);
  }
}
