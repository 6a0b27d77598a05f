/** The machines of the fleet: how they are, what they can run, and how another one joins. */
import { useState } from "react";
import { useFleet } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { Page } from "../app/page.tsx";
import { Icon } from "../ui/icons.tsx";
import { Empty } from "../ui/parts.tsx";
import { AddMachine } from "./add-machine.tsx";
import { HostCard } from "./host-card.tsx";

export function HostsPage() {
  const fleet = useFleet();
  const [adding, setAdding] = useState(false);
  const owner = may(fleet.me, "owner");
  const add = (
    <button type="button" className="button primary" onClick={() => setAdding(true)}>
      <Icon name="plus" />
      Add a machine
    </button>
  );
  return (
    <>
      <Page
        title="Hosts"
        about="Machines dial out to Maestro; none of them needs an open port."
        actions={owner && fleet.hosts.length > 0 ? add : undefined}
        unread="The hosts could not be read"
      >
        {fleet.hosts.length === 0 ? (
          <Empty title="No machine yet" actions={owner ? add : undefined}>
            {owner
              ? "Add this or any other Linux or macOS machine: Maestro shows one line, you paste it there."
              : "An owner of the fleet can add one."}
          </Empty>
        ) : (
          <div className="host-grid">
            {fleet.hosts
              .toSorted((a, b) => a.name.localeCompare(b.name))
              .map((host) => (
                <HostCard key={host.id} host={host} />
              ))}
          </div>
        )}
      </Page>
      {adding && <AddMachine onClose={() => setAdding(false)} />}
    </>
  );
}
