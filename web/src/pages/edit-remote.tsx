/** Changes how a remote host is reached; what has changed is tested once it is saved. */
import { useState } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { Dialog } from "../ui/dialog.tsx";
import { CheckHost } from "./check-host.tsx";
import { RemoteForm } from "./remote-form.tsx";

export function EditRemote({ host, onClose }: { host: Host; onClose: () => void }) {
  const [saved, setSaved] = useState<Host>();
  if (saved !== undefined) return <CheckHost host={saved} onClose={onClose} />;
  return (
    <Dialog title={`Edit ${host.name}`} onClose={onClose}>
      <RemoteForm host={host} onSaved={(changed, untested) => (untested ? setSaved(changed) : onClose())} onClose={onClose} />
    </Dialog>
  );
}
