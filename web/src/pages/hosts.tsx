/** The machines of the fleet: how they are, what they can run, and how another one joins. */
import { useState } from "react";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { Icon } from "../ui/icons.tsx";
import { Empty, Loading, Problem } from "../ui/parts.tsx";
import { AddMachine } from "./add-machine.tsx";
import { HostCard } from "./host-card.tsx";

export function HostsPage() {
  const fleet = useFleet();
  const store = useFleetStore();
  const [adding, setAdding] = useState(false);
  const owner = may(fleet.me, "owner");
  const add = (
    <button type="button" className="button primary" onClick={() => setAdding(true)}>
      <Icon name="plus" />
      Add a machine
    </button>
  );
  return (
    <div className="page">
      <div className="inner">
        <header className="page-head">
          <div className="titles">
            <h1>Hosts</h1>
            <p>Machines dial out to Maestro; none of them needs an open port.</p>
          </div>
          {owner && fleet.hosts.length > 0 && <div className="row actions">{add}</div>}
        </header>
        {fleet.load.type === "loading" && <Loading rows={4} />}
        {fleet.load.type === "failed" && (
          <Problem title="The hosts could not be read" error={fleet.load.error} onRetry={() => store.retry()} />
        )}
        {fleet.hosts.length === 0 && fleet.load.type === "ready" && (
          <Empty title="No machine yet" actions={owner ? add : undefined}>
            {owner
              ? "Add this or any other Linux or macOS machine: Maestro shows one line, you paste it there."
              : "An owner of the fleet can add one."}
          </Empty>
        )}
        <div className="host-grid">
          {fleet.hosts
            .toSorted((a, b) => a.name.localeCompare(b.name))
            .map((host) => (
              <HostCard key={host.id} host={host} />
            ))}
        </div>
        {adding && <AddMachine onClose={() => setAdding(false)} />}
      </div>
    </div>
  );
}
