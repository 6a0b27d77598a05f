/** Asks before an agent is removed, and says what stays. */
import type { Agent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { command } from "../api/client.ts";
import { useFleetStore } from "../app/fleet-context.tsx";
import { useAction } from "../app/use-action.ts";
import { Confirm } from "../ui/dialog.tsx";
import { Problem } from "../ui/parts.tsx";

export function RemoveAgent({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const store = useFleetStore();
  const action = useAction();
  const remove = (): void =>
    action.run(
      () => command(ROUTES.agentRemove, { id: agent.id }),
      () => {
        onClose();
        store.refetch(["agents", "sessions"]);
      },
    );
  return (
    <Confirm title={`Remove ${agent.name}?`} action="Remove" busy={action.busy} onClose={onClose} onConfirm={remove}>
      <p>
        It leaves the list. Its workspace {stripUnsafe(agent.workspace)} on {agent.host.name} stays as it is.
      </p>
      {action.error !== undefined && <Problem error={action.error} />}
    </Confirm>
  );
}
