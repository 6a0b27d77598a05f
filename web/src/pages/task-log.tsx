/** The log of one of the attempts, and which. */
import { isFinal, type Attempt, type TaskDetail } from "@maestro/shared/contract/tasks";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { LogPanel } from "../log/log-panel.tsx";
import { stateWord } from "../tasks/words.ts";
import { Icon } from "../ui/icons.tsx";

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
      <Unredacted names={attempt?.log?.unredacted ?? []} />
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

/** [LG4] */
function Unredacted({ names }: { names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <p className="banner warn" data-testid="unredacted">
      <Icon name="warning" />
      <span>
        This log may show {names.length === 1 ? "the value" : "values"} of{" "}
        <span className="mono">{stripUnsafe(names.join(", "), 1024)}</span>: its host had lost them when it sent the log, and blotted out
        only what looks like a secret.
      </span>
    </p>
  );
}

const nameOf = ({ agent, host, n, status }: Attempt, several: boolean): string =>
  several ? `${agent?.name ?? host.name}, attempt ${n}: ${stateWord(status).label}` : `Attempt ${n}: ${stateWord(status).label}`;
