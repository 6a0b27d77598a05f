/** What a machine is for: a shell on it, an agent on it. */
import type { Host } from "@maestro/shared/contract/resources";
import { AssignAgent } from "../app/assign-agent.tsx";
import { toStarted } from "../app/started.ts";
import type { Action } from "../app/use-action.ts";
import { openShell, usable } from "../fleet/launch.ts";
import { Icon } from "../ui/icons.tsx";
import { useOpened } from "../ui/use-opened.ts";

/** @param props.primary the one thing to do now. */
export function HostSteps({ host, action, primary = false }: { host: Host; action: Action; primary?: boolean }) {
  const [assigning, assign] = useOpened();
  const open = (): void => action.run(() => openShell(host), toStarted());
  return (
    <>
      <button
        type="button"
        className={primary ? "button small primary" : "button small"}
        disabled={!usable(host) || action.busy}
        onClick={open}
      >
        <Icon name="terminal" /> Open a shell
      </button>
      <button type="button" className="button small" disabled={!usable(host)} onClick={() => assign(true)}>
        <Icon name="agents" /> Assign an agent
      </button>
      {assigning !== undefined && <AssignAgent host={host.id} onClose={assigning.close} />}
    </>
  );
}
