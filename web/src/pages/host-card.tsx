/** One machine: state, platform, load, the agent CLIs it has, and what can be done with it. */
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { useAction } from "../app/use-action.ts";
import { hostTone } from "../fleet/tree.ts";
import { hostWord } from "../remote/words.ts";
import { Icon } from "../ui/icons.tsx";
import { Dot, Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { CheckHost } from "./check-host.tsx";
import { HostClis } from "./host-clis.tsx";
import { HostFacts } from "./host-facts.tsx";
import { HostMenu } from "./host-menu.tsx";
import { HostSteps } from "./host-steps.tsx";
import { LockedHost } from "./locked-host.tsx";
import { RemoteAway } from "../remote/away.tsx";
import { RemoteBadges } from "../remote/badges.tsx";

export function HostCard({ host }: { host: Host }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const [checking, check] = useOpened();
  const operator = may(fleet.me, "operator");
  const refetch = (): void => store.refetch(["hosts"]);
  const resume = (): void => action.run(() => call(ROUTES.hostResume, { id: host.id }), refetch);
  const enable = (): void => action.run(() => call(ROUTES.hostUpdate, { id: host.id, body: { enabled: true } }), refetch);

  return (
    <article className="card host-card" aria-label={`Host ${host.name}`} data-host={host.id}>
      <header>
        <Dot tone={hostTone(host)} label={hostWord(host) ?? host.status} />
        <h2 className="grow cut" title={host.name}>
          {host.name}
        </h2>
        <HostTags host={host} />
        {operator && <HostMenu host={host} action={action} onTest={() => check(true)} />}
      </header>
      <RemoteBadges host={host} />
      {host.locked !== undefined && <LockedHost host={host} locked={host.locked} />}
      <RemoteAway host={host} />
      <HostFacts host={host} />
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
          {host.enabled === false && may(fleet.me, "owner") && (
            <button type="button" className="button small" disabled={action.busy} onClick={enable}>
              <Icon name="play" /> Switch on
            </button>
          )}
          {host.transport !== "link" && (
            <button type="button" className="button small" onClick={() => check(true)}>
              <Icon name="again" /> Test
            </button>
          )}
        </footer>
      )}
      {checking !== undefined && <CheckHost host={host} onClose={checking.close} />}
    </article>
  );
}

function HostTags({ host }: { host: Host }) {
  const marked = host.default === true && (
    <span className="tag" title="Marked as the one to choose">
      default
    </span>
  );
  // What was seen of it last says nothing about which of the two machines it was.
  if (host.locked !== undefined) return <span className="tag danger">locked</span>;
  if (host.enabled === false)
    return (
      <>
        {marked}
        <span className="tag">off</span>
      </>
    );
  return (
    <>
      {marked}
      {host.draining && <span className="tag warn">draining</span>}
      <span
        className={`tag ${host.status === "online" ? "ok" : host.status === "stale" ? "warn" : host.status === "lost" ? "danger" : ""}`}
      >
        {host.status === "never" ? "not seen yet" : host.status}
      </span>
    </>
  );
}
