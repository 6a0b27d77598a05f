/** The machines of the fleet: how they are, what they can run, and how another one joins. */
import { useFleet } from "../app/fleet-context.tsx";
import { ListPage } from "../app/list-page.tsx";
import { may } from "../app/may.ts";
import { AddMachine } from "./add-machine.tsx";
import { HostCard } from "./host-card.tsx";

export function HostsPage() {
  const fleet = useFleet();
  const owner = may(fleet.me, "owner");
  return (
    <ListPage
      title="Hosts"
      about="Machines that joined dial out and need no open port; others are reached from them by SSH."
      unread="The hosts could not be read"
      items={fleet.hosts}
      add={owner ? { label: "Add a machine", Dialog: AddMachine } : undefined}
      empty={{
        title: "No machine yet",
        text: owner
          ? "Add this or any other Linux or macOS machine: Maestro shows one line, you paste it there."
          : "An owner of the fleet can add one.",
      }}
    >
      {(hosts) => (
        <div className="host-grid">
          {hosts.map((host) => (
            <HostCard key={host.id} host={host} />
          ))}
        </div>
      )}
    </ListPage>
  );
}
