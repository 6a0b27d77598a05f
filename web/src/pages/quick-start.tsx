/** One click from here to a terminal: the agent CLIs that are installed, and a shell. */
import type { Host } from "@maestro/shared/contract/resources";
import { launch, launchables, openShell, typeName, usable } from "../fleet/launch.ts";
import { useFleet } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { toStarted } from "../app/started.ts";
import { useAction } from "../app/use-action.ts";
import { RemoteTag } from "../remote/badges.tsx";
import { Icon, type IconName } from "../ui/icons.tsx";
import { CopyLine, Problem } from "../ui/parts.tsx";

const MOST = 5;
const MOST_SHELLS = 3;

export function QuickStart() {
  const fleet = useFleet();
  const action = useAction();
  if (!may(fleet.me, "operator")) return null;
  const offers = launchables(fleet.types, fleet.hosts).slice(0, MOST);
  const hosts = fleet.hosts.filter(usable);
  const [first] = hosts;
  const several = fleet.hosts.length > 1;
  const claude = fleet.types
    .find((type) => type.slug === "claude")
    ?.hosts.find((row) => row.report.detected.state === "missing" && row.host === first?.id);
  if (first === undefined) return null;
  return (
    <section className="section" aria-label="Start">
      <div className="starts">
        {offers.map((offer) => (
          <Start
            key={`${offer.type.slug} ${offer.host.id}`}
            icon="agents"
            name={typeName(offer.type)}
            where={several ? offer.host.name : offer.version}
            host={offer.host}
            busy={action.busy}
            onStart={() => action.run(() => launch(offer, fleet.agents), toStarted())}
          />
        ))}
        {hosts.slice(0, MOST_SHELLS).map((host) => (
          <Start
            key={host.id}
            icon="terminal"
            name="Shell"
            where={host.name}
            host={host}
            busy={action.busy}
            onStart={() => action.run(() => openShell(host), toStarted())}
          />
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

interface StartProps {
  icon: IconName;
  name: string;
  where: string;
  host: Host;
  busy: boolean;
  onStart: () => void;
}

function Start({ icon, name, where, host, busy, onStart }: StartProps) {
  return (
    <button type="button" className="start" disabled={busy} onClick={onStart}>
      <Icon name={icon} />
      <span className="two">
        <span className="row">
          <span className="cut">{name}</span>
          <RemoteTag host={host} />
        </span>
        <span className="muted small cut">{where}</span>
      </span>
    </button>
  );
}
