/** Below the terminal: the keys of a phone, or what a watcher can do, or how the session ended. */
import { useSyncExternalStore } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import { command } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { may } from "../app/may.ts";
import { onward } from "../app/started.ts";
import { useAction } from "../app/use-action.ts";
import { endTone } from "../fleet/tree.ts";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { AccessoryRow } from "./accessory-row.tsx";
import type { Attachment } from "./attachment.ts";
import { endText } from "./end-text.ts";
import { WatchFoot } from "./pen-state.tsx";

export function TerminalFoot({ session, attachment }: { session: string; attachment: Attachment }) {
  const view = useSyncExternalStore(attachment.subscribe, attachment.view);
  const store = useFleetStore();
  const fleet = useFleet();
  const action = useAction();
  const known = fleet.sessions.find((candidate) => candidate.id === session);
  const end = view.face.session?.end ?? known?.end;
  if (end === undefined) {
    if (view.face.session === undefined && view.connection.type === "stopped") return null;
    const watching = view.face.session !== undefined && !view.face.pen.you;
    return watching ? (
      <WatchFoot view={view} onTake={() => attachment.take()} />
    ) : (
      <AccessoryRow attachment={attachment} disabled={!view.face.pen.you} />
    );
  }
  return (
    <footer className="term-end" role="status">
      <span className={`dot ${endTone(end)}`} aria-hidden="true" />
      <div className="grow">
        <strong>{endText(end)}.</strong> <span className="muted">{new Date(end.atMs).toLocaleString()}</span>
        {action.error !== undefined && <Problem error={action.error} />}
      </div>
      {may(fleet.me, "operator") && (
        <button
          type="button"
          className="button small"
          disabled={action.busy}
          onClick={() => {
            const go = onward();
            action.run(
              () => command(ROUTES.sessionKill, { id: session }),
              () => {
                store.refetch(["sessions", "agents"]);
                go("/");
              },
            );
          }}
        >
          <Icon name="trash" /> Forget it
        </button>
      )}
      <Link to="/" className="button small">
        Overview
      </Link>
    </footer>
  );
}
