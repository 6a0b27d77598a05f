/** The items of the queue in their order: one for each target that waits, runs or has ended. */
import type { Queue } from "@maestro/shared/contract/tasks";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { Link } from "../app/link.tsx";
import { taskPath } from "../app/router.ts";
import { isStuck, stateWord, waitingLine } from "../tasks/words.ts";
import { Ago } from "../ui/parts.tsx";
import { StateMark } from "../ui/state-mark.tsx";

export function QueueRows({ items }: { items: Queue["items"] }) {
  return (
    <ol className="rows queue card" aria-label="Queue">
      {items.map((item) => (
        <li key={`${item.task} ${item.target}`} data-task={item.task} data-state={item.status}>
          <span className="priority" title={`Priority ${item.priority}`}>
            <span className="sr-only">Priority </span>
            {item.priority}
          </span>
          <div className="row">
            <StateMark state={item.status} />
            <div className="two">
              <Link to={taskPath(item.task)} className="main-link cut">
                {stripUnsafe(item.title) || item.task}
              </Link>
              <Why item={item} />
            </div>
          </div>
          <div className="two wide-only">
            <span className="cut">{item.agent?.name ?? item.host?.name ?? "any host"}</span>
            <span className="muted small cut">{item.agent === undefined ? "" : item.host?.name}</span>
          </div>
          <span className="muted small right">
            <Ago at={item.createdAt} />
          </span>
        </li>
      ))}
    </ol>
  );
}

function Why({ item: { waiting, status } }: { item: Queue["items"][number] }) {
  if (waiting === undefined) {
    const { label, shade } = stateWord(status);
    return <span className={`word small ${shade}`}>{label}</span>;
  }
  const { word, rest } = waitingLine(waiting);
  return (
    <span className="small cut" title={waiting.detail} data-code={waiting.code}>
      <span className={isStuck(waiting.code) ? "word warn" : "word"}>{word}</span>
      {rest !== "" && <span className="muted"> · {rest}</span>}
    </span>
  );
}
