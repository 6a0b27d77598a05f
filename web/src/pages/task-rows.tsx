/** Tasks as rows: what, where, how it stands and why, how long. */
import type { Task } from "@maestro/shared/contract/tasks";
import { Link } from "../app/link.tsx";
import { taskPath } from "../app/router.ts";
import { duration } from "../tasks/figures.ts";
import { hostWords, isStuck, reasonWord, stateWord, targetWords, taskTitle, waitingWord } from "../tasks/words.ts";
import { Ago, useNow } from "../ui/parts.tsx";
import { StateMark } from "../ui/state-mark.tsx";

export function TaskRows({ tasks }: { tasks: readonly Task[] }) {
  return (
    <ul className="rows tasks card" aria-label="Tasks">
      {tasks.map((task) => (
        <li key={task.id} data-task={task.id} data-state={task.status}>
          <div className="row">
            <StateMark state={task.status} />
            <div className="two">
              <Link to={taskPath(task.id)} className="main-link cut">
                {taskTitle(task)}
              </Link>
              <Standing task={task} />
            </div>
          </div>
          <div className="two wide-only">
            <span className="cut">{targetWords(task.targets)}</span>
            <span className="muted small cut">{hostWords(task.targets)}</span>
          </div>
          <span className="muted small right wide-only">
            <Took task={task} />
          </span>
          <span className="muted small right">
            <Ago at={task.createdAt} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** One line: the state, and why it is so when it is not what somebody hoped for. */
function Standing({ task }: { task: Task }) {
  const { label, shade } = stateWord(task.status);
  const why =
    task.waiting !== undefined
      ? waitingWord(task.waiting.code)
      : task.status === "cancelled"
        ? (task.cancel?.reason ?? "")
        : task.reason === undefined
          ? ""
          : reasonWord(task.reason.code);
  const tone = task.waiting !== undefined && isStuck(task.waiting.code) ? "warn" : shade;
  return (
    <span className="small cut" title={task.waiting?.detail ?? task.reason?.detail}>
      <span className={`word ${tone}`}>{label}</span>
      {why !== "" && <span className="muted"> · {why}</span>}
      <span className="muted phone-only"> · {targetWords(task.targets)}</span>
      {task.priority !== 3 && <span className="muted"> · priority {task.priority}</span>}
    </span>
  );
}

function Took({ task: { startedAt, finishedAt } }: { task: Task }) {
  if (startedAt === undefined) return null;
  const beginMs = Date.parse(startedAt);
  return finishedAt === undefined ? <Since ms={beginMs} /> : duration(Math.max(0, Date.parse(finishedAt) - beginMs));
}

function Since({ ms }: { ms: number }) {
  const now = useNow(1_000);
  return duration(Math.max(0, now - ms));
}
