/** One click from here to a terminal: the agent CLIs that are installed, and a shell. */
import { launch, launchables, openShell, typeName, usable } from "../fleet/launch.ts";
import { useFleet } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { navigate, sessionPath } from "../app/router.ts";
import { useAction } from "../app/use-action.ts";
import { Icon } from "../ui/icons.tsx";
import { CopyLine, Problem } from "../ui/parts.tsx";

const MOST = 5;

export function QuickStart() {
  const fleet = useFleet();
  const action = useAction();
  if (!may(fleet.me, "operator")) return null;
  const offers = launchables(fleet.types, fleet.hosts).slice(0, MOST);
  const hosts = fleet.hosts.filter(usable);
  const [first] = hosts;
  const several = fleet.hosts.length > 1;
  const claude = fleet.types.find((type) => type.slug === "claude")?.hosts.find((row) => row.report.detected.state === "missing" && row.host === first?.id);
  if (first === undefined) return null;
  return (
    <section className="section" aria-label="Start">
      <div className="row wrap">
        {offers.map((offer) => (
          <button key={`${offer.type.slug} ${offer.host.id}`} type="button" className="button" disabled={action.busy} onClick={() => action.run(() => launch(offer, fleet.agents), (session) => navigate(sessionPath(session.id)))}>
            <Icon name="play" />
            {typeName(offer.type)}
            {several && <span className="muted">on {offer.host.name}</span>}
          </button>
        ))}
        {hosts.slice(0, 3).map((host) => (
          <button key={host.id} type="button" className="button" disabled={action.busy} onClick={() => action.run(() => openShell(host), (session) => navigate(sessionPath(session.id)))}>
            <Icon name="terminal" />
            Shell
            {several && <span className="muted">on {host.name}</span>}
          </button>
        ))}
      </div>
      {offers.length === 0 && claude?.report.detected.state === "missing" && (
        <div className="banner">
          <div className="stack grow">
            <p>No agent CLI was found on {claude.name}. This installs Claude Code there; the button appears by itself:</p>
            <CopyLine text={claude.report.detected.install} label="Installs Claude Code" />
          </div>
        </div>
      )}
      {action.error !== undefined && <Problem error={action.error} />}
    </section>
  );
}
