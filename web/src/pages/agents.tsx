/** The agents: which, where, doing what; and assigning another. */
import { AssignAgent } from "../app/assign-agent.tsx";
import { useFleet } from "../app/fleet-context.tsx";
import { ListPage } from "../app/list-page.tsx";
import { may } from "../app/may.ts";
import { AgentRow } from "./agent-row.tsx";

export function AgentsPage() {
  const fleet = useFleet();
  const operator = may(fleet.me, "operator");
  return (
    <ListPage
      title="Agents"
      about="An agent is a coding CLI with a name, a host and a workspace."
      unread="The agents could not be read"
      items={fleet.agents}
      add={operator ? { label: "Assign an agent", Dialog: AssignAgent } : undefined}
      empty={{
        title: "No agent yet",
        text: operator
          ? "Pick a coding CLI, the host it runs on and the directory it works in."
          : "An operator or owner of the fleet can assign one.",
      }}
    >
      {(agents) => (
        <ul className="rows agents card">
          {agents.map((agent) => (
            <AgentRow key={agent.id} agent={agent} operator={operator} />
          ))}
        </ul>
      )}
    </ListPage>
  );
}
