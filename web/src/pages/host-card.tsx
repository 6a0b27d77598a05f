/** One machine: state, platform, load, agent CLIs found or how to install them, and what can be done with it. */
import { useState, type ReactNode } from "react";
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call, command } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { navigate, sessionPath } from "../app/router.ts";
import { useAction } from "../app/use-action.ts";
import { openShell, typeName, usable } from "../fleet/launch.ts";
import { hostTone } from "../fleet/tree.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { Ago, CopyLine, Dot, Problem } from "../ui/parts.tsx";

export function HostCard({ host }: { host: Host }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const [removing, setRemoving] = useState(false);
  const operator = may(fleet.me, "operator");
  const owner = may(fleet.me, "owner");
  const refresh = (): void => store.refetch(["hosts"]);
  const set = (route: typeof ROUTES.hostDrain | typeof ROUTES.hostResume | typeof ROUTES.hostUnlock) => (): void =>
    action.run(() => call(route, { id: host.id }), refresh);
  const reports = fleet.types
    .flatMap((type) => type.hosts.filter((row) => row.host === host.id).map((row) => row.report))
    .filter((report) => report.adapter !== "shell");
  const found = reports.filter((report) => report.detected.state === "found");
  const invalid = reports.filter((report) => report.detected.state === "invalid");
  const missing = reports.filter((report) => report.detected.state === "missing");

  return (
    <article className="card host-card" aria-label={`Host ${host.name}`} data-host={host.id}>
      <header>
        <Dot tone={hostTone(host)} label={host.status} />
        <h2 className="grow cut">{host.name}</h2>
        <HostTags host={host} />
        {(operator || owner) && (
          <Menu className="button quiet icon small" ariaLabel={`Actions for ${host.name}`} label={<Icon name="more" />}>
            {(close) => {
              const then = (work: () => void) => () => {
                close();
                work();
              };
              return (
                <>
                  {host.draining ? (
                    <MenuItem onSelect={then(set(ROUTES.hostResume))}>Resume: take work again</MenuItem>
                  ) : (
                    <MenuItem onSelect={then(set(ROUTES.hostDrain))}>Drain: take no new work</MenuItem>
                  )}
                  {owner && host.locked !== undefined && <MenuItem onSelect={then(set(ROUTES.hostUnlock))}>Unlock its identity</MenuItem>}
                  {owner && (
                    <>
                      <hr />
                      <MenuItem danger onSelect={then(() => setRemoving(true))}>
                        Remove from the fleet…
                      </MenuItem>
                    </>
                  )}
                </>
              );
            }}
          </Menu>
        )}
      </header>
      <dl className="facts">
        {host.locked !== undefined && <Fact name="Locked">{host.locked.reason}</Fact>}
        <Fact name="System">
          {host.platform === undefined
            ? "not reported yet"
            : `${host.platform.os} ${host.platform.release} · ${host.platform.arch} · ${host.platform.cpus} CPUs · ${Math.round(host.platform.memoryBytes / 2 ** 30)} GiB`}
        </Fact>
        <Fact name="Terminals">
          {host.sessions} {host.sessions === 1 ? "session" : "sessions"}
          {host.platform !== undefined &&
            (host.platform.tmux === undefined ? " · no tmux, sessions use a PTY" : ` · tmux ${host.platform.tmux}`)}
        </Fact>
        <Fact name="Seen">
          {host.lastSeenAt === undefined ? "never" : <Ago at={host.lastSeenAt} />}
          {host.agentVersion !== undefined && <span className="muted"> · version {host.agentVersion}</span>}
        </Fact>
        {host.metrics !== undefined && host.status === "online" && (
          <Fact name="Load">
            <div className="meters">
              <Meter name="CPU" value={host.metrics.cpu} />
              <Meter name="Memory" value={host.metrics.memory} />
              <Meter name="Disk" value={host.metrics.disk} />
            </div>
          </Fact>
        )}
      </dl>
      <div className="clis">
        {reports.length === 0 && (
          <span className="muted small">
            {host.status === "online" ? "Agent CLIs are being looked for…" : "Which agent CLIs it has is known once it is online."}
          </span>
        )}
        {found.length > 0 && (
          <div className="row wrap">
            {found.map((report) => (
              <span key={report.slug} className="tag ok" title={report.detected.state === "found" ? report.detected.binary : ""}>
                {typeName(report)} <span className="muted">{report.detected.state === "found" ? report.detected.version : ""}</span>
              </span>
            ))}
          </div>
        )}
        {invalid.map((report) => (
          <p key={report.slug} className="small">
            <span className="tag danger">{report.slug}</span>{" "}
            {report.detected.state === "invalid" &&
              `${report.file ?? ""}${report.detected.line === undefined ? "" : `:${report.detected.line}`} ${report.detected.problem}`}
          </p>
        ))}
        {missing.length > 0 && <Missing reports={missing} none={found.length === 0} />}
      </div>
      {action.error !== undefined && (
        <div style={{ padding: "0 16px 16px" }}>
          <Problem error={action.error} />
        </div>
      )}
      <footer>
        {operator && (
          <button
            type="button"
            className="button small"
            disabled={!usable(host) || action.busy}
            onClick={() =>
              action.run(
                () => openShell(host),
                (session) => navigate(sessionPath(session.id)),
              )
            }
          >
            <Icon name="terminal" /> Open a shell
          </button>
        )}
        {operator && host.draining && (
          <button type="button" className="button small" disabled={action.busy} onClick={set(ROUTES.hostResume)}>
            <Icon name="play" /> Resume
          </button>
        )}
        {owner && host.locked !== undefined && (
          <button type="button" className="button small" disabled={action.busy} onClick={set(ROUTES.hostUnlock)}>
            <Icon name="lock" /> Unlock
          </button>
        )}
      </footer>
      {removing && (
        <Confirm
          title={`Remove ${host.name}?`}
          action="Remove"
          busy={action.busy}
          onClose={() => setRemoving(false)}
          onConfirm={() =>
            action.run(
              () => command(ROUTES.hostRemove, { id: host.id }),
              () => {
                setRemoving(false);
                store.refetch();
              },
            )
          }
        >
          <p>
            Its identity stops working at once and its agents leave the list. What runs there goes on, without Maestro. It can join again
            with a new line.
          </p>
          {action.error !== undefined && <Problem error={action.error} />}
        </Confirm>
      )}
    </article>
  );
}

function HostTags({ host }: { host: Host }) {
  return (
    <>
      {host.locked !== undefined && <span className="tag danger">locked</span>}
      {host.draining && <span className="tag warn">draining</span>}
      <span
        className={`tag ${host.status === "online" ? "ok" : host.status === "stale" ? "warn" : host.status === "lost" ? "danger" : ""}`}
      >
        {host.status === "never" ? "not seen yet" : host.status}
      </span>
    </>
  );
}

function Missing({ reports, none }: { reports: readonly AgentTypeReport[]; none: boolean }) {
  return (
    <details className="more">
      <summary>
        {reports.length} {none ? "agent CLIs can be installed" : "more can be installed"}
      </summary>
      <div className="stack">
        {reports.map((report) => (
          <div key={report.slug} className="field">
            <span>{typeName(report)}</span>
            {report.detected.state === "missing" && <CopyLine text={report.detected.install} label={`Installs ${typeName(report)}`} />}
          </div>
        ))}
      </div>
    </details>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Meter({ name, value }: { name: string; value: number }) {
  return (
    <span className="meter">
      {name}
      <progress max={1} value={value} aria-label={name} />
      {Math.round(value * 100)}%
    </span>
  );
}
