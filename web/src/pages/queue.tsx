/** What waits and why, what runs where, and how much room there is. */
import { useEffect, useMemo, useState } from "react";
import type { Queue } from "@maestro/shared/contract/tasks";
import { useFleet } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { may } from "../app/may.ts";
import { Page } from "../app/page.tsx";
import { navigate } from "../app/router.ts";
import { useLive } from "../fleet/use-live.ts";
import { QueueView, showOf, tally, type Show } from "../tasks/queue-view.ts";
import { Icon } from "../ui/icons.tsx";
import { Empty } from "../ui/parts.tsx";
import { Segments } from "../ui/segments.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { Dispatch } from "./dispatch.tsx";
import { QueueRows } from "./queue-rows.tsx";
import { Slots } from "./slots.tsx";

const EMPTY: Record<Show, { title: string; text: string }> = {
  waiting: { title: "Nothing waits", text: "Everything that was dispatched has its place." },
  processing: { title: "Nothing runs", text: "Tasks that hosts are working on are shown here." },
  completed: { title: "Nothing has ended", text: "Tasks that have ended are shown here for 14 days." },
};

export function QueuePage({ search }: { search: string }) {
  const fleet = useFleet();
  const show = useMemo(() => showOf(search), [search]);
  const [view] = useState(() => new QueueView(show));
  const queue = useLive(view);
  const [dispatching, dispatch] = useOpened();
  const { refresh, value } = queue;

  useEffect(() => {
    if (view.turnTo(show)) refresh();
  }, [view, show, refresh]);

  const counts = value === undefined ? undefined : tally(value.counts);
  return (
    <>
      <Page
        title="Queue"
        about="By priority, then by age. A task starts as soon as its agent and its host have room for it."
        actions={
          may(fleet.me, "operator") ? (
            <button type="button" className="button primary" onClick={() => dispatch(true)}>
              <Icon name="plus" />
              Dispatch a task
            </button>
          ) : undefined
        }
        unread="The queue could not be read"
        own={queue}
      >
        {value !== undefined && counts !== undefined && (
          <>
            <Tiles counts={counts} />
            <Room hosts={value.hosts} groups={value.groups} />
            <section className="section" aria-label="Queue">
              <div className="head queue-head">
                <Segments
                  label="Show"
                  options={[
                    { value: "waiting", label: "Waiting", count: counts.waiting },
                    { value: "processing", label: "Running", count: counts.running },
                    { value: "completed", label: "Ended" },
                  ]}
                  value={show}
                  onChange={(next) => navigate(next === "waiting" ? "/queue" : `/queue?show=${next}`, { replace: true })}
                />
              </div>
              {value.items.length === 0 ? (
                <Empty title={EMPTY[value.show].title}>{EMPTY[value.show].text}</Empty>
              ) : (
                <div className={value.show === show ? "stack" : "stack pending"} aria-busy={value.show !== show}>
                  <QueueRows items={value.items} />
                  {value.nextCursor !== undefined && (
                    <p className="muted small">
                      The first {value.items.length}. <Link to="/tasks?status=waiting">All of them</Link> are in the list of tasks.
                    </p>
                  )}
                </div>
              )}
            </section>
          </>
        )}
      </Page>
      {dispatching !== undefined && <Dispatch onClose={dispatching.close} />}
    </>
  );
}

function Tiles({ counts }: { counts: ReturnType<typeof tally> }) {
  const tiles = [
    { label: "Waiting", status: "waiting", n: counts.waiting, shade: "" },
    { label: "Running", status: "running", n: counts.running, shade: counts.running > 0 ? "accent" : "" },
    { label: "Completed", status: "completed", n: counts.completed, shade: counts.completed > 0 ? "ok" : "" },
    { label: "Failed", status: "failed", n: counts.failed, shade: counts.failed > 0 ? "danger" : "" },
  ];
  return (
    <ul className="tiles" aria-label="Counts">
      {tiles.map(({ label, status, n, shade }) => (
        <li key={status} className="tile card">
          <Link to={`/tasks?status=${status}`}>
            <span className={`n ${shade}`} data-count={status}>
              {n.toLocaleString("en-US")}
            </span>
            <span className="muted">{label}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Room({ hosts, groups }: Pick<Queue, "hosts" | "groups">) {
  if (hosts.length === 0) return null;
  return (
    <section className="section" aria-label="Room">
      <div className="head">
        <h2>Room</h2>
        <span className="muted">
          {hosts.reduce((sum, host) => sum + host.running, 0)} of{" "}
          {hosts.reduce((sum, host) => sum + (host.online && !host.draining ? host.limit : 0), 0)} slots in use
        </span>
      </div>
      <ul className="room card">
        {hosts
          .toSorted((a, b) => a.name.localeCompare(b.name))
          .map((host) => (
            <Slots
              key={host.id}
              name={host.name}
              running={host.running}
              limit={host.limit}
              note={host.online ? (host.draining ? "draining" : undefined) : "offline"}
            />
          ))}
        {groups.map((group) => (
          <Slots key={`group ${group.name}`} name={`Group ${group.name}`} running={group.running} limit={group.limit} note={undefined} />
        ))}
      </ul>
    </section>
  );
}
