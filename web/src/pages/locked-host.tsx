/** [LK2] An identity that was seen twice: what happened, what to do first, and what unlocking means. */
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { useAction } from "../app/use-action.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Ago, Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";

export function LockedHost({ host, locked }: { host: Host; locked: NonNullable<Host["locked"]> }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const [asking, ask] = useOpened();
  const unlock = (): void =>
    action.run(
      () => call(ROUTES.hostUnlock, { id: host.id }),
      () => {
        asking?.close();
        store.refetch(["hosts"]);
      },
    );
  return (
    <div className="locked banner danger" role="status">
      <Icon name="lock" />
      <div className="stack tight grow">
        <p>
          <strong>Two machines used this host's identity</strong>{" "}
          <span className="muted">
            (<Ago at={locked.at} />)
          </span>
          . Most often a disk or a MAESTRO_HOME was copied. Neither of them gets in until this is settled; what runs there goes on.
        </p>
        <ol className="steps">
          <li>Find the copy, stop its daemon and delete its MAESTRO_HOME. It can join as a host of its own.</li>
          <li>Then unlock. If you do not know which one is the copy, remove this host and join both anew.</li>
        </ol>
        <p className="small muted mono">{locked.reason}</p>
        {may(fleet.me, "owner") ? (
          <div>
            <button type="button" className="button small" onClick={() => ask(true)}>
              <Icon name="lock" /> Unlock…
            </button>
          </div>
        ) : (
          <p className="small muted">An owner of the fleet can unlock it.</p>
        )}
      </div>
      {asking !== undefined && (
        <Confirm title={`Unlock ${host.name}?`} action="Unlock" busy={action.busy} onClose={asking.close} onConfirm={unlock}>
          <p>
            The next machine that dials in with this identity is <strong>{host.name}</strong> again, with its sessions and agents. Do this
            only when the copy is stopped: if both still run, the wrong one may get in, and the identity locks again.
          </p>
          <p className="muted small">The machine tries again within five minutes; restarting its daemon makes it at once.</p>
          {action.error !== undefined && <Problem error={action.error} />}
        </Confirm>
      )}
    </div>
  );
}
