/** Everything else there is to know of a task: what it cost, what it was asked, how it is run. */
import type { ReactNode } from "react";
import type { TaskDetail } from "@maestro/shared/contract/tasks";
import { escapeUnsafe, stripUnsafe } from "@maestro/shared/sanitize";
import { byteCount, loadFigures, roundDuration, usageFigures, type Figure } from "../tasks/figures.ts";
import { reasonWord, stateWord } from "../tasks/words.ts";
import { Dependencies } from "./task-why.tsx";

export function TaskFacts({ task }: { task: TaskDetail }) {
  const usage = usageFigures(task.usage ?? task.targets[0]?.usage);
  const last = task.attempts.at(-1);
  const branch = last?.branch ?? task.repository?.branch;
  const labels = Object.entries(task.labels);
  return (
    <aside className="stack facts-side" aria-label="Details">
      <Figures title="Usage" figures={usage} />
      {task.attempts.map(
        ({ id, load, agent, host }) =>
          load !== undefined && (
            <Figures
              key={id}
              title={task.targets.length > 1 ? `Running: ${agent?.name ?? host.name}` : "Running"}
              figures={loadFigures(load)}
            />
          ),
      )}
      <section className="section" aria-label="Asked">
        <h2>{task.command === undefined ? "Prompt" : "Command"}</h2>
        <pre className="asked card" tabIndex={0} aria-label={task.command === undefined ? "Prompt" : "Command"}>
          {task.command === undefined ? lines(task.prompt ?? "") : task.command.map((arg) => quoted(arg)).join(" ")}
        </pre>
      </section>
      <section className="section" aria-label="Facts">
        <h2>Details</h2>
        <dl className="facts card">
          <Fact name="Exit code">{task.exitCode === undefined ? undefined : <span className="mono">{task.exitCode}</span>}</Fact>
          <Fact name="Priority">{`${task.priority} of 5${task.priority === 3 ? "" : task.priority < 3 ? " (sooner)" : " (later)"}`}</Fact>
          <Fact name="Timeout">{roundDuration(task.timeoutMs)}</Fact>
          <Fact name="Retries">{task.retries === 0 ? undefined : `up to ${task.retries}`}</Fact>
          <Fact name="If lost">{task.onLost === "wait" ? undefined : task.onLost}</Fact>
          <Fact name="Images">{task.images?.map(({ name, bytes }) => `${name} (${byteCount(bytes)})`).join(", ")}</Fact>
          <Fact name="Model">{task.model}</Fact>
          <Fact name="Mode">{task.mode}</Fact>
          <Fact name="Container">{task.container === undefined ? undefined : <Path text={task.container} />}</Fact>
          <Fact name="Workspace">{last?.workspace === undefined ? undefined : <Path text={last.workspace} />}</Fact>
          <Fact name="Repository">{task.repository === undefined ? undefined : <Path text={task.repository.url} />}</Fact>
          <Fact name="Branch">{branch === undefined ? undefined : <Path text={branch} />}</Fact>
          <Fact name="Session">{last?.session === undefined ? undefined : <Path text={last.session} />}</Fact>
          <Fact name="Group">{task.group === undefined ? undefined : `${task.group.name}, at most ${task.group.limit} at a time`}</Fact>
          <Fact name="Environment">{task.env.length === 0 ? undefined : task.env.join(", ")}</Fact>
          <Fact name="Secrets">{task.secrets.length === 0 ? undefined : task.secrets.join(", ")}</Fact>
          <Fact name="SSH agent">{task.forwardAgent === true ? "forwarded to it" : undefined}</Fact>
          <Fact name="Labels">{labels.length === 0 ? undefined : labels.map(([key, value]) => `${key}=${value}`).join(", ")}</Fact>
          <Fact name="Depends on">{task.dependsOn.length === 0 ? undefined : <Dependencies items={task.dependsOn} />}</Fact>
        </dl>
      </section>
      {task.attempts.length > 1 && <Attempts task={task} />}
    </aside>
  );
}

function Figures({ title, figures }: { title: string; figures: readonly Figure[] }) {
  return figures.length === 0 ? null : (
    <section className="section" aria-label={title}>
      <h2>{title}</h2>
      <dl className="figures card">
        {figures.map(({ name, value, exact }) => (
          <div key={name} title={exact}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Absent when there is nothing to say. */
function Fact({ name, children }: { name: string; children: ReactNode }) {
  return children === undefined || children === "" ? null : (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

const Path = ({ text }: { text: string }): ReactNode => <span className="mono">{stripUnsafe(text, 4096)}</span>;

function Attempts({ task }: { task: TaskDetail }) {
  return (
    <section className="section" aria-label="Attempts">
      <h2>Attempts</h2>
      <ol className="attempts card">
        {task.attempts.map((attempt) => (
          <li key={attempt.id}>
            <span>
              #{attempt.n} {attempt.agent?.name ?? attempt.host.name}
            </span>
            <span className={`word ${stateWord(attempt.status).shade}`}>{stateWord(attempt.status).label}</span>
            {attempt.reason !== undefined && (
              <span className="muted small" title={attempt.reason.detail}>
                {reasonWord(attempt.reason.code)}
              </span>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Line by line, so that line breaks stay what they are. */
const lines = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.split("\t").map(escapeUnsafe).join("\t"))
    .join("\n");

const quoted = (arg: string): string => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${escapeUnsafe(arg).replaceAll("'", "'\\''")}'`);
