/** One task: how it stands and why, what happened when, its log, its result, what it cost. */
import { useEffect, useMemo } from "react";
import type { TaskDetail } from "@maestro/shared/contract/tasks";
import { useFleet } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { may } from "../app/may.ts";
import { Page } from "../app/page.tsx";
import { navigate, taskPath } from "../app/router.ts";
import { onward } from "../app/started.ts";
import { useLive } from "../fleet/use-live.ts";
import { oneTask } from "../tasks/one-task.ts";
import { shortId, taskTitle } from "../tasks/words.ts";
import { Ago, Empty } from "../ui/parts.tsx";
import { StateTag } from "../ui/state-mark.tsx";
import { TaskActions } from "./task-actions.tsx";
import { TaskFacts } from "./task-facts.tsx";
import { TaskLog } from "./task-log.tsx";
import { TaskResults } from "./task-results.tsx";
import { TaskTimeline } from "./task-timeline.tsx";
import { TaskWhy } from "./task-why.tsx";

export function TaskPage({ id, attempt }: { id: string; attempt: string | undefined }) {
  const fleet = useFleet();
  const source = useMemo(() => oneTask(id), [id]);
  const live = useLive(source);
  const task = live.value;
  const title = task === undefined ? shortId(id) : taskTitle(task);

  useEffect(() => {
    document.title = `${title} · Maestro`;
  }, [title]);

  if (live.load.type === "failed" && live.load.error.code === "task_not_found") {
    return (
      <div className="page">
        <div className="inner">
          <Empty
            title="No such task"
            actions={
              <Link to="/tasks" className="button primary">
                All tasks
              </Link>
            }
          >
            There is no task {id}. Ended tasks are kept for 14 days.
          </Empty>
        </div>
      </div>
    );
  }
  return (
    <Page
      title={title}
      about={task === undefined ? undefined : <About task={task} />}
      actions={
        task !== undefined && may(fleet.me, "operator") ? (
          <TaskActions
            task={task}
            onAsked={() => {
              const go = onward();
              return (changed) => {
                live.put({ ...task, ...changed });
                // The log of what runs now, when an older one was chosen.
                go(taskPath(id), { replace: true });
              };
            }}
          />
        ) : undefined
      }
      unread="The task could not be read"
      own={live}
    >
      {task !== undefined && (
        <Whole task={task} attempt={attempt} onAttempt={(chosen) => navigate(taskPath(id, chosen), { replace: true })} />
      )}
    </Page>
  );
}

function About({ task }: { task: TaskDetail }) {
  return (
    <span className="about">
      <StateTag state={task.status} />
      <span className="mono" title={task.id} data-testid="task-id">
        {task.id}
      </span>
      <span>
        by {task.createdBy}, <Ago at={task.createdAt} />
      </span>
    </span>
  );
}

interface WholeProps {
  task: TaskDetail;
  attempt: string | undefined;
  onAttempt: (id: string) => void;
}

function Whole({ task, attempt, onAttempt }: WholeProps) {
  // Without a choice the newest is shown, also when there comes a newer one.
  const shown = task.attempts.find(({ id }) => id === attempt) ?? newest(task);
  return (
    <div className="task-grid" data-testid="task" data-state={task.status}>
      <div className="stack wide">
        <TaskWhy task={task} />
        <TaskTimeline task={task} shown={shown?.id} onAttempt={onAttempt} />
        <TaskResults task={task} />
        <TaskLog task={task} attempt={shown} onAttempt={onAttempt} />
      </div>
      <TaskFacts task={task} />
    </div>
  );
}

const newest = (task: TaskDetail): TaskDetail["attempts"][number] | undefined =>
  task.attempts.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt) || a.fence - b.fence).at(-1);
