/** The log of one of the attempts, and which. */
import { isFinal, type Attempt, type TaskDetail } from "@maestro/shared/contract/tasks";
import { LogPanel } from "../log/log-panel.tsx";
import { stateWord } from "../tasks/words.ts";

interface TaskLogProps {
  task: TaskDetail;
  attempt: Attempt | undefined;
  onAttempt: (id: string) => void;
}

export function TaskLog({ task, attempt, onAttempt }: TaskLogProps) {
  return (
    <section className="section" aria-label="Log">
      <div className="head">
        <h2 className="grow">Log</h2>
        {attempt !== undefined && task.attempts.length > 1 && (
          <select className="input pick" aria-label="Attempt" value={attempt.id} onChange={(event) => onAttempt(event.target.value)}>
            {task.attempts.map((one) => (
              <option key={one.id} value={one.id}>
                {nameOf(one, task.targets.length > 1)}
              </option>
            ))}
          </select>
        )}
      </div>
      {attempt === undefined ? (
        <div className="log card">
          <p className="log-empty muted">
            {isFinal(task.status) ? "It never ran, so it wrote nothing." : "It has not run yet. What it writes appears here as it comes."}
          </p>
        </div>
      ) : (
        <LogPanel key={attempt.id} attempt={attempt.id} label={`Log of ${nameOf(attempt, true)}`} lives={!isFinal(attempt.status)} />
      )}
    </section>
  );
}

const nameOf = ({ agent, host, n, status }: Attempt, several: boolean): string =>
  several ? `${agent?.name ?? host.name}, attempt ${n}: ${stateWord(status).label}` : `Attempt ${n}: ${stateWord(status).label}`;
