/** The two ways to add a machine: one that joins by itself, and one that a host of the fleet reaches by SSH. */
import { useState } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { useFleet } from "../app/fleet-context.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Segments } from "../ui/segments.tsx";
import { CheckHost } from "./check-host.tsx";
import { JoinMachine } from "./join-machine.tsx";
import { RemoteForm } from "./remote-form.tsx";

const WAYS = [
  { value: "join", label: "It joins by itself" },
  { value: "reach", label: "Reach it by SSH" },
] as const;
type Way = (typeof WAYS)[number]["value"];

export function AddMachine({ onClose }: { onClose: () => void }) {
  const fleet = useFleet();
  const [way, setWay] = useState<Way>("join");
  const [written, setWritten] = useState(false);
  const [added, setAdded] = useState<Host>();
  if (added !== undefined) return <CheckHost host={added} isNew onClose={onClose} />;
  const hasLinked = fleet.hosts.some(({ transport }) => transport === "link");
  const choose = (next: Way): void => {
    setWay(next);
    if (next === "reach") setWritten(true);
  };
  // Both stay as they are while one looks at the other: a join line works once, and a form took its time.
  return (
    <Dialog title="Add a machine" onClose={onClose}>
      <Segments label="How it is added" options={WAYS} value={way} onChange={choose} />
      <JoinMachine hidden={way !== "join"} onClose={onClose} />
      {way === "reach" && (
        <p className="muted">
          {hasLinked
            ? "A host that has joined reaches it and works there for it. Nothing is installed on the machine."
            : "A machine is reached from one that has joined, and none has yet: let the first one join by itself."}
        </p>
      )}
      {written && hasLinked && (
        <RemoteForm hidden={way !== "reach"} onSaved={(host, untested) => (untested ? setAdded(host) : onClose())} onClose={onClose} />
      )}
    </Dialog>
  );
}
