/** One machine: state, platform, load, the agent CLIs it has, and what can be done with it. */
import type { ReactNode } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { useAction } from "../app/use-action.ts";
import { hostTone } from "../fleet/tree.ts";
import { Icon } from "../ui/icons.tsx";
import { Ago, Dot, Problem } from "../ui/parts.tsx";
import { HostClis } from "./host-clis.tsx";
import { HostMenu } from "./host-menu.tsx";
import { HostSteps } from "./host-steps.tsx";
import { LockedHost } from "./locked-host.tsx";

export function HostCard({ host }: { host: Host }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const operator = may(fleet.me, "operator");
  const resume = (): void =>
    action.run(
      () => call(ROUTES.hostResume, { id: host.id }),
      () => store.refetch(["hosts"]),
    );

  return (
    <article className="card host-card" aria-label={`Host ${host.name}`} data-host={host.id}>
      <header>
        <Dot tone={hostTone(host)} label={host.status} />
        <h2 className="grow cut" title={host.name}>
          {host.name}
        </h2>
        <HostTags host={host} />
        {operator && <HostMenu host={host} action={action} />}
      </header>
      {host.locked !== undefined && <LockedHost host={host} locked={host.locked} />}
      <dl className="facts">
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
        {host.metrics !== undefined && host.status === "online" && host.locked === undefined && (
          <Fact name="Load">
            <div className="meters">
              <Meter name="CPU" value={host.metrics.cpu} />
              <Meter name="Memory" value={host.metrics.memory} />
              <Meter name="Disk" value={host.metrics.disk} />
            </div>
          </Fact>
        )}
      </dl>
      <HostClis host={host} />
      {action.error !== undefined && (
        <div className="problem">
          <Problem error={action.error} />
        </div>
      )}
      {operator && host.locked === undefined && (
        <footer>
          <HostSteps host={host} action={action} />
          {host.draining && (
            <button type="button" className="button small" disabled={action.busy} onClick={resume}>
              <Icon name="play" /> Resume
            </button>
          )}
        </footer>
      )}
    </article>
  );
}

function HostTags({ host }: { host: Host }) {
  // What was seen of it last says nothing about which of the two machines it was.
  if (host.locked !== undefined) return <span className="tag danger">locked</span>;
  return (
    <>
      {host.draining && <span className="tag warn">draining</span>}
      <span
        className={`tag ${host.status === "online" ? "ok" : host.status === "stale" ? "warn" : host.status === "lost" ? "danger" : ""}`}
      >
        {host.status === "never" ? "not seen yet" : host.status}
      </span>
    </>
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
