/** Above the terminal: what this is and where, who writes, how the connection is, and ending it. */
import { useEffect, useSyncExternalStore } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { command } from "../api/client.ts";
import { ConnectionPill } from "../app/connection-pill.tsx";
import { useOpenDrawer } from "../app/drawer.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { may } from "../app/may.ts";
import { useAction } from "../app/use-action.ts";
import { RemoteTag } from "../remote/badges.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import type { Attachment } from "./attachment.ts";
import { PenState } from "./pen-state.tsx";

export function TerminalBar({ session, attachment }: { session: string; attachment: Attachment }) {
  const view = useSyncExternalStore(attachment.subscribe, attachment.view);
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const openDrawer = useOpenDrawer();
  const [ending, end] = useOpened();
  const known = fleet.sessions.find((candidate) => candidate.id === session);
  const info = view.face.session;
  const name = stripUnsafe(info?.name ?? known?.name ?? "Session");
  const title = stripUnsafe(info?.title ?? known?.title ?? "");
  const host = view.face.host?.name ?? known?.host.name;
  const cwd = info?.cwd ?? known?.cwd ?? "";
  const ended = info?.end !== undefined;

  useEffect(() => {
    document.title = `${title === "" ? name : title} · Maestro`;
  }, [title, name]);

  return (
    <header className="term-bar">
      <button type="button" className="button quiet icon small drawer-button" aria-label="Open the menu" onClick={openDrawer}>
        <Icon name="menu" />
      </button>
      <div className="what">
        <h1 className="cut" title={title}>
          {title === "" ? name : title}
        </h1>
        <div className="where">
          {host !== undefined && (
            <Link to="/hosts" className="cut">
              {host}
            </Link>
          )}
          <RemoteTag host={fleet.hosts.find(({ id }) => id === known?.host.id)} />
          {known?.agent !== undefined && (
            <>
              <span aria-hidden="true">·</span>
              <Link to="/agents" className="cut">
                {known.agent.name}
              </Link>
            </>
          )}
          {cwd !== "" && (
            <span className="wide-only row cut">
              <span aria-hidden="true">·</span>
              <span className="cut mono">{stripUnsafe(cwd)}</span>
            </span>
          )}
        </div>
      </div>
      {!ended && <PenState view={view} onTake={() => attachment.take()} />}
      <span className="wide-only row">
        <ConnectionPill connection={view.connection} liveness={view.liveness} onRetry={() => attachment.retry()} />
      </span>
      {may(fleet.me, "operator") && info !== undefined && !ended && (
        <button
          type="button"
          className="button quiet small"
          aria-label="End this session"
          title="End this session"
          onClick={() => end(true)}
        >
          <Icon name="stop" />
          <span className="wide-only">End</span>
        </button>
      )}
      {ending !== undefined && (
        <Confirm
          title="End this session?"
          action="End session"
          busy={action.busy}
          onClose={ending.close}
          onConfirm={() =>
            action.run(
              () => command(ROUTES.sessionKill, { id: session }),
              () => {
                ending.close();
                store.refetch(["sessions", "agents"]);
              },
            )
          }
        >
          <p>
            The program in <strong>{name}</strong> is ended on the host. What it has not saved is lost. Just closing this page leaves it
            running.
          </p>
          {action.error !== undefined && <Problem error={action.error} />}
        </Confirm>
      )}
    </header>
  );
}
