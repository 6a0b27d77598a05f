/** What was asked of the agents, newest first: narrowed by state, agent, host and words. */
import { useEffect, useMemo, useState } from "react";
import { useFleet } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { Page } from "../app/page.tsx";
import { navigate } from "../app/router.ts";
import { useLive } from "../fleet/use-live.ts";
import { filterOf, isFiltered, noFilter, searchOf, type TaskFilter } from "../tasks/filters.ts";
import { TaskList } from "../tasks/task-list.ts";
import { Icon } from "../ui/icons.tsx";
import { Empty } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { Dispatch } from "./dispatch.tsx";
import { TaskFilters } from "./task-filters.tsx";
import { TaskRows } from "./task-rows.tsx";

export function TasksPage({ search }: { search: string }) {
  const fleet = useFleet();
  const filter = useMemo(() => filterOf(search), [search]);
  const [list] = useState(() => new TaskList(filter));
  const tasks = useLive(list);
  const [dispatching, dispatch] = useOpened();
  const operator = may(fleet.me, "operator");
  const { refresh } = tasks;

  useEffect(() => {
    if (list.narrow(filter)) refresh();
  }, [list, filter, refresh]);

  const turnTo = (next: TaskFilter): void => navigate(`/tasks${searchOf(next)}`, { replace: true });
  const button = operator ? (
    <button type="button" className="button primary" onClick={() => dispatch(true)}>
      <Icon name="plus" />
      Dispatch a task
    </button>
  ) : undefined;
  const pages = tasks.value;
  const nothing = pages !== undefined && pages.items.length === 0;

  return (
    <>
      <Page
        title="Tasks"
        about="A task is a prompt for an agent, or a command for a host. It is queued, run once, and its log is kept."
        actions={nothing && !isFiltered(filter) ? undefined : button}
        unread="The tasks could not be read"
        own={tasks}
      >
        {pages !== undefined && (!nothing || isFiltered(filter)) && <TaskFilters filter={filter} onChange={turnTo} />}
        {pages !== undefined && nothing && isFiltered(filter) && (
          <Empty
            title="No task is like that"
            actions={
              <button type="button" className="button" onClick={() => turnTo(noFilter)}>
                Show all tasks
              </button>
            }
          >
            Ended tasks are kept for 14 days.
          </Empty>
        )}
        {nothing && !isFiltered(filter) && (
          <Empty title="No task yet" actions={button}>
            {operator
              ? "Give an agent something to do, or run a command on a host. It waits until there is room, and goes on when you close this page."
              : "An operator or owner of the fleet can dispatch one."}
          </Empty>
        )}
        {pages !== undefined && !nothing && (
          <div
            className={searchOf(pages.filter) === searchOf(filter) ? "stack" : "stack pending"}
            aria-busy={searchOf(pages.filter) !== searchOf(filter)}
          >
            <TaskRows tasks={pages.items} />
            {pages.more && (
              <button
                type="button"
                className="button more-rows"
                onClick={() => {
                  list.more();
                  refresh();
                }}
              >
                Show older tasks
              </button>
            )}
          </div>
        )}
      </Page>
      {dispatching !== undefined && <Dispatch {...(filter.agent === "" ? {} : { agent: filter.agent })} onClose={dispatching.close} />}
    </>
  );
}
