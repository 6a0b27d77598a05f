/** What came of it: the agent's own words, or each target's outcome. */
import type { TaskDetail, TaskTarget } from "@maestro/shared/contract/tasks";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { usageFigures } from "../tasks/figures.ts";
import { reasonWord, waitingWord } from "../tasks/words.ts";
import { CopyButton } from "../ui/parts.tsx";
import { StateMark } from "../ui/state-mark.tsx";
import { Failed } from "./task-why.tsx";

export function TaskResults({ task }: { task: TaskDetail }) {
  const [only, ...others] = task.targets;
  if (only === undefined) return null;
  if (others.length === 0) {
    const result = task.result ?? only.result;
    // What a command says is its log, which is shown already.
    return result === undefined || result === "" || task.command !== undefined ? null : (
      <section className="section" aria-label="Result">
        <div className="head">
          <h2 className="grow">Result</h2>
          <CopyButton text={result} />
        </div>
        <ResultText text={result} />
      </section>
    );
  }
  return (
    <section className="section" aria-label="Targets">
      <div className="head">
        <h2>Targets</h2>
        <span className="muted">
          {task.targets.filter(({ status }) => status === "completed").length} of {task.targets.length} completed
        </span>
      </div>
      <ul className="rows targets card">
        {task.targets.map((target, i) => (
          <Target key={i} target={target} />
        ))}
      </ul>
    </section>
  );
}

function Target({ target }: { target: TaskTarget }) {
  const name = target.agent?.name ?? target.host?.name ?? "any host";
  const word = target.waiting === undefined ? target.reason && reasonWord(target.reason.code) : waitingWord(target.waiting.code);
  const cost = usageFigures(target.usage).find((figure) => figure.name === "Cost");
  return (
    <li data-state={target.status}>
      <div className="row">
        <StateMark state={target.status} label={name} />
        <div className="two">
          <span className="cut name">{name}</span>
          <span className="muted small cut" title={target.waiting?.detail ?? target.reason?.detail}>
            {word ?? target.host?.name ?? ""}
          </span>
        </div>
      </div>
      <span className="muted small right">
        {cost !== undefined && `${cost.value} · `}
        {target.exitCode !== undefined && `exit ${target.exitCode}`}
      </span>
      {(target.result !== undefined || target.reason !== undefined) && (
        <details className="more">
          <summary>{target.reason === undefined ? "Result" : "Why, and what it said"}</summary>
          <div className="stack tight">
            {target.reason !== undefined && <Failed title={reasonWord(target.reason.code)} reason={target.reason} />}
            {target.result !== undefined && target.result !== "" && <ResultText text={target.result} />}
          </div>
        </details>
      )}
    </li>
  );
}

/** As it was said: no markup is made of it, and what cannot be seen is shown as what it is. */
function ResultText({ text }: { text: string }) {
  return (
    <pre className="result card" tabIndex={0} aria-label="Result text" data-testid="result">
      {text
        .split(/(\r?\n|\t)/)
        .map((part) => (/^(\r?\n|\t)$/.test(part) ? part : escapeUnsafe(part)))
        .join("")}
    </pre>
  );
}
