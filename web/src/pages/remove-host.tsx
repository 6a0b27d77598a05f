/** Asks before a machine is removed, and says what that means for it. */
import type { Host } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { command } from "../api/client.ts";
import { useFleetStore } from "../app/fleet-context.tsx";
import { useAction } from "../app/use-action.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Problem } from "../ui/parts.tsx";

export function RemoveHost({ host, onClose }: { host: Host; onClose: () => void }) {
  const store = useFleetStore();
  const action = useAction();
  const remove = (): void =>
    action.run(
      () => command(ROUTES.hostRemove, { id: host.id }),
      () => {
        onClose();
        store.refetch();
      },
    );
  return (
    <Confirm title={`Remove ${host.name}?`} action="Remove" busy={action.busy} onClose={onClose} onConfirm={remove}>
      {host.transport === "link" ? (
        <p>
          Its identity stops working at once and its agents leave the list. What runs there goes on, without Maestro. It can join again with
          a new line.
        </p>
      ) : (
        <p>
          How it is reached is forgotten, and its agents leave the list. What runs there goes on, without Maestro; on the machine itself
          nothing is changed. To leave it in the list, switch it off instead.
        </p>
      )}
      {action.error !== undefined && <Problem error={action.error} />}
    </Confirm>
  );
}
