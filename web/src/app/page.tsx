/** What every page of lists has: its heading, what can be done, loading, failure, and how old the lists are. */
import type { ReactNode } from "react";
import { Loading, Problem } from "../ui/parts.tsx";
import { AsOfOr, Dimmed } from "./as-of.tsx";
import { useFleet, useFleetStore } from "./fleet-context.tsx";

export function Page(props: { title: string; about?: ReactNode; actions?: ReactNode; unread: string; children: ReactNode }) {
  const { load } = useFleet();
  const store = useFleetStore();
  return (
    <div className="page">
      <div className="inner">
        <header className="page-head">
          <div className="titles">
            <h1>{props.title}</h1>
            <AsOfOr about={props.about} />
          </div>
          {props.actions !== undefined && <div className="row actions">{props.actions}</div>}
        </header>
        {load.type === "loading" && <Loading rows={4} />}
        {load.type === "failed" && <Problem title={props.unread} error={load.error} onRetry={() => store.retry()} />}
        {(load.type === "ready" || load.type === "stale") && <Dimmed className="lists">{props.children}</Dimmed>}
      </div>
    </div>
  );
}
