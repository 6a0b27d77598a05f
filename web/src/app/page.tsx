/** What every page of lists has: its heading, what can be done, loading, failure, and how old the lists are. */
import type { ReactNode } from "react";
import { Loading, Problem } from "../ui/parts.tsx";
import type { LiveView } from "../fleet/live.ts";
import { AsOfOr, Dimmed } from "./as-of.tsx";
import { useFleet, useFleetStore } from "./fleet-context.tsx";

interface PageProps {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  unread: string;
  /** What the page fetches by itself, and how it asks again; without it, it shows the lists of the fleet. */
  own?: (Pick<LiveView<unknown>, "load" | "fetchedAtMs"> & { refresh(): void }) | undefined;
  children: ReactNode;
}

export function Page(props: PageProps) {
  const fleet = useFleet();
  const store = useFleetStore();
  const { own } = props;
  const { load } = own ?? fleet;
  const again = (): void => {
    store.retry();
    own?.refresh();
  };
  return (
    <div className="page">
      <div className="inner">
        <header className="page-head">
          <div className="titles">
            <h1>{props.title}</h1>
            <AsOfOr about={props.about} fetched={own} />
          </div>
          {props.actions !== undefined && <div className="row actions">{props.actions}</div>}
        </header>
        {load.type === "loading" && <Loading rows={4} />}
        {load.type === "failed" && <Problem title={props.unread} error={load.error} onRetry={again} />}
        {(load.type === "ready" || load.type === "stale") && (
          <Dimmed className="lists" fetched={own}>
            {props.children}
          </Dimmed>
        )}
      </div>
    </div>
  );
}
