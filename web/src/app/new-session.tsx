/** "New session": a shell on a host, or an agent CLI that is installed there. One click ends in a terminal. */
import type { Session } from "@maestro/shared/contract/resources";
import type { Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";
import { launch, launchables, openShell, typeName, usable } from "../fleet/launch.ts";
import { RemoteTag } from "../remote/badges.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { AssignAgent } from "./assign-agent.tsx";
import { useFleet } from "./fleet-context.tsx";
import { may } from "./may.ts";
import { toStarted } from "./started.ts";
import { useAction } from "./use-action.ts";

const REFUSED = "The session could not be opened";

export function NewSession({ compact = false }: { compact?: boolean }) {
  const fleet = useFleet();
  const action = useAction(REFUSED);
  const [assigning, assign] = useOpened();
  if (!may(fleet.me, "operator")) return null;
  const hosts = fleet.hosts.filter(usable);
  const agents = launchables(fleet.types, fleet.hosts);
  const several = fleet.hosts.length > 1;

  const run = (work: () => Promise<Result<Session, ApiError>>): void => action.run(work, toStarted());

  return (
    <>
      <Menu
        className={compact ? "button quiet icon small" : "button primary"}
        ariaLabel={compact ? "New session" : undefined}
        label={
          <>
            {action.busy ? <span className="spinner" /> : <Icon name="plus" />}
            {!compact && "New session"}
          </>
        }
      >
        {(close) => (
          <>
            {agents.length > 0 && <div className="heading">Agents</div>}
            {agents.map((offer) => (
              <MenuItem
                key={`${offer.type.slug} ${offer.host.id}`}
                onSelect={() => {
                  close();
                  run(() => launch(offer, fleet.agents));
                }}
              >
                <Icon name="agents" />
                <span className="grow cut">{typeName(offer.type)}</span>
                <span className="muted small cut">{several ? offer.host.name : offer.version}</span>
                <RemoteTag host={offer.host} />
              </MenuItem>
            ))}
            <div className="heading">Shell</div>
            {hosts.map((host) => (
              <MenuItem
                key={host.id}
                onSelect={() => {
                  close();
                  run(() => openShell(host));
                }}
              >
                <Icon name="terminal" />
                <span className="grow cut">Shell on {host.name}</span>
                <RemoteTag host={host} />
              </MenuItem>
            ))}
            {hosts.length === 0 && (
              <MenuItem disabled onSelect={close}>
                No host is online
              </MenuItem>
            )}
            <hr />
            <MenuItem
              onSelect={() => {
                close();
                assign(true);
              }}
            >
              <Icon name="plus" />
              Assign an agent…
            </MenuItem>
          </>
        )}
      </Menu>
      {action.error !== undefined && (
        <Dialog title={REFUSED} onClose={action.clear}>
          <Problem error={action.error} />
        </Dialog>
      )}
      {assigning !== undefined && <AssignAgent onClose={assigning.close} />}
    </>
  );
}
