/** The agents: which, where, doing what; assign, start, stop, remove. */
import { useState } from "react";
import type { Agent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call, command } from "../api/client.ts";
import { AssignAgent } from "../app/assign-agent.tsx";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { may } from "../app/may.ts";
import { navigate, sessionPath } from "../app/router.ts";
import { useAction } from "../app/use-action.ts";
import { startAgent, typeName } from "../fleet/launch.ts";
import { agentTone } from "../fleet/tree.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { CopyLine, Dot, Empty, Loading, Problem } from "../ui/parts.tsx";

export function AgentsPage() {
  const fleet = useFleet();
  const store = useFleetStore();
  const [assigning, setAssigning] = useState(false);
  const operator = may(fleet.me, "operator");
  const assign = (
    <button type="button" className="button primary" onClick={() => setAssigning(true)}>
      <Icon name="plus" />
      Assign an agent
    </button>
  );
  return (
    <div className="page">
      <div className="inner">
        <header className="page-head">
          <div className="titles">
            <h1>Agents</h1>
            <p>An agent is a coding CLI with a name, a host and a workspace.</p>
          </div>
          {operator && fleet.agents.length > 0 && <div className="row actions">{assign}</div>}
        </header>
        {fleet.load.type === "loading" && <Loading rows={4} />}
        {fleet.load.type === "failed" && (
          <Problem title="The agents could not be read" error={fleet.load.error} onRetry={() => store.retry()} />
        )}
        {fleet.agents.length === 0 && fleet.load.type === "ready" && (
          <Empty title="No agent yet" actions={operator ? assign : undefined}>
            Pick a coding CLI, the host it runs on and the directory it works in.
          </Empty>
        )}
        {fleet.agents.length > 0 && (
          <ul className="rows agents card">
            {fleet.agents
              .toSorted((a, b) => a.name.localeCompare(b.name))
              .map((agent) => (
                <AgentRow key={agent.id} agent={agent} operator={operator} />
              ))}
          </ul>
        )}
        {assigning && <AssignAgent onClose={() => setAssigning(false)} />}
      </div>
    </div>
  );
}

function AgentRow({ agent, operator }: { agent: Agent; operator: boolean }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const [removing, setRemoving] = useState(false);
  const refresh = (): void => store.refetch(["agents", "sessions"]);
  /** An agent keeps its last session, to be read; it can be started again all the same. */
  const running = agent.status !== "idle" && agent.status !== "failed";
  const type = fleet.types.find((candidate) => candidate.slug === agent.type);
  const install =
    action.error?.code === "agent_cli_missing" ? type?.hosts.find((row) => row.host === agent.host.id)?.report.detected : undefined;
  return (
    <li data-agent={agent.name}>
      <div className="row">
        <Dot tone={agentTone(agent)} label={agent.status} />
        <div className="two">
          {agent.session === undefined ? (
            <span className="cut name">{agent.name}</span>
          ) : (
            <Link to={sessionPath(agent.session)} className="main-link cut">
              {agent.name}
            </Link>
          )}
          <span className="muted small cut">{type === undefined ? agent.type : typeName(type)}</span>
        </div>
      </div>
      <div className="two wide-only">
        <span className="cut">{agent.host.name}</span>
        <span className="muted small mono cut">{agent.workspace}</span>
      </div>
      <span
        className={`tag wide-only ${agent.status === "working" || agent.status === "starting" ? "ok" : agent.status === "failed" ? "danger" : ""}`}
      >
        {agent.status}
      </span>
      <div className="row above right">
        {operator && !running && (
          <button
            type="button"
            className="button small"
            disabled={action.busy}
            onClick={() =>
              action.run(
                () => startAgent(agent),
                (session) => navigate(sessionPath(session.id)),
              )
            }
          >
            <Icon name="play" /> Start
          </button>
        )}
        {operator && running && (
          <button
            type="button"
            className="button small"
            disabled={action.busy}
            onClick={() => action.run(() => call(ROUTES.agentStop, { id: agent.id, body: {} }), refresh)}
          >
            <Icon name="stop" /> Stop
          </button>
        )}
        {operator && (
          <Menu className="button quiet icon small" ariaLabel={`Actions for ${agent.name}`} label={<Icon name="more" />}>
            {(close) => (
              <MenuItem
                danger
                onSelect={() => {
                  close();
                  setRemoving(true);
                }}
              >
                Remove…
              </MenuItem>
            )}
          </Menu>
        )}
      </div>
      {action.error !== undefined && (
        <div style={{ gridColumn: "1 / -1", paddingBottom: 12 }} className="stack above">
          <Problem error={action.error} />
          {install?.state === "missing" && <CopyLine text={install.install} label="Installs the agent CLI" />}
        </div>
      )}
      {removing && (
        <Confirm
          title={`Remove ${agent.name}?`}
          action="Remove"
          busy={action.busy}
          onClose={() => setRemoving(false)}
          onConfirm={() =>
            action.run(
              () => command(ROUTES.agentRemove, { id: agent.id }),
              () => {
                setRemoving(false);
                refresh();
              },
            )
          }
        >
          <p>
            It leaves the list. Its workspace {agent.workspace} on {agent.host.name} stays as it is.
          </p>
          {action.error !== undefined && <Problem error={action.error} />}
        </Confirm>
      )}
    </li>
  );
}
