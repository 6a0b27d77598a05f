/** What is seldom done with a machine: drain it, or remove it. */
import { useState } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call, command } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import type { Action } from "../app/use-action.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { Problem } from "../ui/parts.tsx";

export function HostMenu({ host, action }: { host: Host; action: Action }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const [removing, setRemoving] = useState(false);
  const set = (route: typeof ROUTES.hostDrain | typeof ROUTES.hostResume): void =>
    action.run(
      () => call(route, { id: host.id }),
      () => store.refetch(["hosts"]),
    );
  return (
    <>
      <Menu className="button quiet icon small" ariaLabel={`Actions for ${host.name}`} label={<Icon name="more" />}>
        {(close) => {
          const then = (work: () => void) => () => {
            close();
            work();
          };
          return (
            <>
              {host.draining ? (
                <MenuItem onSelect={then(() => set(ROUTES.hostResume))}>Resume: take work again</MenuItem>
              ) : (
                <MenuItem onSelect={then(() => set(ROUTES.hostDrain))}>Drain: take no new work</MenuItem>
              )}
              {may(fleet.me, "owner") && (
                <>
                  <hr />
                  <MenuItem danger onSelect={then(() => setRemoving(true))}>
                    Remove from the fleet…
                  </MenuItem>
                </>
              )}
            </>
          );
        }}
      </Menu>
      {removing && (
        <Confirm
          title={`Remove ${host.name}?`}
          action="Remove"
          busy={action.busy}
          onClose={() => setRemoving(false)}
          onConfirm={() =>
            action.run(
              () => command(ROUTES.hostRemove, { id: host.id }),
              () => {
                setRemoving(false);
                store.refetch();
              },
            )
          }
        >
          <p>
            Its identity stops working at once and its agents leave the list. What runs there goes on, without Maestro. It can join again
            with a new line.
          </p>
          {action.error !== undefined && <Problem error={action.error} />}
        </Confirm>
      )}
    </>
  );
}
