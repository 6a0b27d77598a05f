/** A host, agent or session, whichever has the name or id that was typed. */
import type { ApiClient, Item } from "../api/client.ts";
import type { Output } from "../render/output.ts";
import { renderFields } from "../render/table.ts";
import { lives, resolveIn, type Kind } from "../resolve.ts";
import { hostText } from "./host-view.ts";
import { sessionText } from "./session-view.ts";

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
  one: "host, agent or session",
  many: "hosts, agents or sessions",
  lists: ["maestro host list", "maestro agent list", "maestro session list"],
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

export function thingText(out: Output, thing: Thing): string[] {
  switch (thing.kind) {
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
