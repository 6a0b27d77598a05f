/** What is seldom done with a machine: drain it, mark it, change how it is reached, or remove it. */
import type { Host, HostPatch } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import type { Action } from "../app/use-action.ts";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { EditRemote } from "./edit-remote.tsx";
import { HostFiles } from "./host-files.tsx";
import { RemoveHost } from "./remove-host.tsx";

interface HostMenuProps {
  host: Host;
  action: Action;
  onTest: () => void;
}

export function HostMenu({ host, action, onTest }: HostMenuProps) {
  const fleet = useFleet();
  const store = useFleetStore();
  const [dialog, open] = useOpened<"files" | "edit" | "remove">();
  const owner = may(fleet.me, "owner");
  const isRemote = host.transport !== "link";
  const refetch = (): void => store.refetch(["hosts"]);
  const set = (route: typeof ROUTES.hostDrain | typeof ROUTES.hostResume): void => action.run(() => call(route, { id: host.id }), refetch);
  const change = (body: HostPatch): void => action.run(() => call(ROUTES.hostUpdate, { id: host.id, body }), refetch);
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
              {may(fleet.me, "operator") && <MenuItem onSelect={then(() => open("files"))}>Files…</MenuItem>}
              {isRemote && <MenuItem onSelect={then(onTest)}>Test it…</MenuItem>}
              {isRemote && owner && <MenuItem onSelect={then(() => open("edit"))}>Edit…</MenuItem>}
              {isRemote && owner && (
                <MenuItem onSelect={then(() => change({ enabled: host.enabled === false }))}>
                  {host.enabled === false ? "Switch on: connect again" : "Switch off: connect no more"}
                </MenuItem>
              )}
              {isRemote && <hr />}
              {host.draining ? (
                <MenuItem onSelect={then(() => set(ROUTES.hostResume))}>Resume: take work again</MenuItem>
              ) : (
                <MenuItem onSelect={then(() => set(ROUTES.hostDrain))}>Drain: take no new work</MenuItem>
              )}
              {owner && (
                <>
                  <MenuItem onSelect={then(() => change({ default: host.default !== true }))}>
                    {host.default === true ? "Take the default mark away" : "Mark as default"}
                  </MenuItem>
                  <hr />
                  <MenuItem danger onSelect={then(() => open("remove"))}>
                    Remove from the fleet…
                  </MenuItem>
                </>
              )}
            </>
          );
        }}
      </Menu>
      {dialog?.what === "files" && <HostFiles host={host} onClose={dialog.close} />}
      {dialog?.what === "edit" && <EditRemote host={host} onClose={dialog.close} />}
      {dialog?.what === "remove" && <RemoveHost host={host} onClose={dialog.close} />}
    </>
  );
}
