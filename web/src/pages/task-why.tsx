/** Why it does not run yet, or why it did not succeed, and what to do about it. */
import type { TaskDetail, TaskReason, Waiting } from "@maestro/shared/contract/tasks";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { Link } from "../app/link.tsx";
import { taskPath } from "../app/router.ts";
import { duration } from "../tasks/figures.ts";
import { isStuck, reasonWord, shortId, stateWord, waitingWord } from "../tasks/words.ts";
import { Icon } from "../ui/icons.tsx";
import { useNow } from "../ui/parts.tsx";
import { StateMark } from "../ui/state-mark.tsx";

export function TaskWhy({ task }: { task: TaskDetail }) {
  const several = task.targets.length > 1;
  // Of several targets each says its own; of one the task says all there is.
  const waiting = several ? [] : [task.waiting ?? task.targets[0]?.waiting].flatMap((one) => one ?? []);
  return (
    <>
      {waiting.map((one) => (
        <Waits key={one.code} waiting={one} dependsOn={task.dependsOn} />
      ))}
      {task.status === "cancelled" || task.status === "cancelling" ? (
        <Cancelled task={task} />
      ) : (
        task.reason !== undefined && <Failed title={reasonWord(task.reason.code)} reason={task.reason} />
      )}
    </>
  );
}

function Waits({ waiting, dependsOn }: { waiting: Waiting; dependsOn: TaskDetail["dependsOn"] }) {
  const now = useNow(1_000);
  const left = waiting.until === undefined ? undefined : Date.parse(waiting.until) - now;
  return (
    <div className={isStuck(waiting.code) ? "banner warn" : "banner"} role="status" data-testid="why" data-code={waiting.code}>
      <Icon name={isStuck(waiting.code) ? "warning" : "queue"} />
      <div className="grow">
        <h3>
          {waitingWord(waiting.code)}
          {left !== undefined && left > 0 && <span className="muted"> · {duration(left)} more</span>}
        </h3>
        {waiting.code === "dependency_open" ? (
          <Dependencies items={dependsOn} />
        ) : (
          waiting.detail !== "" && <p>{stripUnsafe(waiting.detail, 512)}</p>
        )}
      </div>
    </div>
  );
}

export function Dependencies({ items }: { items: TaskDetail["dependsOn"] }) {
  return (
    <ul className="depends">
      {items.map(({ task, on, status }) => (
        <li key={task} className="row">
          {status !== undefined && <StateMark state={status} />}
          <Link to={taskPath(task)} className="mono cut" title={task}>
            {shortId(task)}
          </Link>
          <span className="muted small">
            {status === undefined ? "gone" : stateWord(status).label}; on {on}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Cancelled({ task: { cancel, reason, status } }: { task: TaskDetail }) {
  const text = cancel?.reason === undefined || cancel.reason === "" ? reason?.detail : `“${cancel.reason}”`;
  return (
    <div className="banner" role="status" data-testid="why" data-code="cancelled">
      <Icon name="stop" />
      <div className="grow">
        <h3>
          {status === "cancelling" ? "Being cancelled" : "Cancelled"}
          {cancel !== undefined && ` by ${cancel.by}`}
        </h3>
        {text !== undefined && text !== "" && <p>{stripUnsafe(text, 512)}</p>}
      </div>
    </div>
  );
}

/** @param title says it in general, the reason in particular. */
export function Failed({ title, reason }: { title: string; reason: TaskReason }) {
  const now = useNow(1_000);
  const left = reason.retryAt === undefined ? undefined : Date.parse(reason.retryAt) - now;
  return (
    <div className="banner danger" role="status" data-testid="why" data-code={reason.code}>
      <Icon name="warning" />
      <div className="grow">
        <h3>{title}</h3>
        <p>{stripUnsafe(reason.detail, 2048)}</p>
        {reason.hint !== undefined && <p>{stripUnsafe(reason.hint, 1024)}</p>}
        {left !== undefined && left > 0 && <p>It is said to come back in {duration(left)}.</p>}
        <p className="small muted mono">{reason.code}</p>
      </div>
    </div>
  );
}
