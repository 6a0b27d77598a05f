/** One agent in the list: its type, its place, what it does; start, stop, remove. */
import type { Agent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { navigate, sessionPath } from "../app/router.ts";
import { toStarted } from "../app/started.ts";
import { useAction } from "../app/use-action.ts";
import { startAgent, typeName } from "../fleet/launch.ts";
import { agentTone } from "../fleet/tree.ts";
import { noFilter, searchOf } from "../tasks/filters.ts";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { CopyLine, Dot, Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { Dispatch } from "./dispatch.tsx";
import { EditAgent } from "./edit-agent.tsx";
import { GroomAgent } from "./groom-agent.tsx";
import { RemoveAgent } from "./remove-agent.tsx";
import { RemoteTag } from "../remote/badges.tsx";

export function AgentRow({ agent, operator }: { agent: Agent; operator: boolean }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const [dialog, open] = useOpened<"dispatch" | "groom" | "settings" | "remove">();
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
          <span className="muted small cut">
            {type === undefined ? agent.type : typeName(type)}
            <span className="phone-only">
              {" "}
              · {agent.status} · {agent.host.name}
            </span>
          </span>
        </div>
      </div>
      <div className="two wide-only">
        <span className="row">
          <span className="cut">{agent.host.name}</span>
          <RemoteTag host={fleet.hosts.find(({ id }) => id === agent.host.id)} />
        </span>
        <span className="muted small mono cut">{stripUnsafe(agent.cwd ?? agent.workspace)}</span>
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
            onClick={() => action.run(() => startAgent(agent), toStarted())}
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
              <>
                <MenuItem
                  onSelect={() => {
                    close();
                    open("dispatch");
                  }}
                >
                  Dispatch a task…
                </MenuItem>
                <MenuItem
                  onSelect={() => {
                    close();
                    open("groom");
                  }}
                >
                  Ask what it knows…
                </MenuItem>
                <MenuItem
                  onSelect={() => {
                    close();
                    open("settings");
                  }}
                >
                  Settings…
                </MenuItem>
                <MenuItem onSelect={() => navigate(`/tasks${searchOf({ ...noFilter, agent: agent.name })}`)}>Its tasks</MenuItem>
                <hr />
                <MenuItem
                  danger
                  onSelect={() => {
                    close();
                    open("remove");
                  }}
                >
                  Remove…
                </MenuItem>
              </>
            )}
          </Menu>
        )}
      </div>
      {action.error !== undefined && (
        <div style={{ gridColumn: "1 / -1", paddingBottom: 12 }} className="stack above">
          {install?.state === "missing" ? (
            <div className="banner warn" role="alert">
              <Icon name="warning" />
              <div className="stack tight grow">
                <p>
                  {type === undefined ? agent.type : typeName(type)} is not installed on {agent.host.name}. Run this there, then start
                  again:
                </p>
                <CopyLine text={install.install} label="Installs the agent CLI" />
              </div>
            </div>
          ) : (
            <Problem error={action.error} />
          )}
        </div>
      )}
      {dialog?.what === "settings" && <EditAgent agent={agent} onClose={dialog.close} />}
      {dialog?.what === "groom" && <GroomAgent agent={agent} onClose={dialog.close} />}
      {dialog?.what === "dispatch" && <Dispatch agent={agent.name} onClose={dialog.close} />}
      {dialog?.what === "remove" && <RemoveAgent agent={agent} onClose={dialog.close} />}
    </li>
  );
}
