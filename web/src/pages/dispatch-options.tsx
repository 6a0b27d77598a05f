/** How the task is to be run: all of it has a default, so it is folded away until it is wanted or wrong. */
import { useEffect, useState } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Task } from "@maestro/shared/contract/tasks";
import { call } from "../api/client.ts";
import { DEPENDENCY_ON, idsOf, type Draft, type FieldErrors } from "../tasks/draft.ts";
import { STATUS_GROUPS } from "../tasks/filters.ts";
import { shortId, taskTitle } from "../tasks/words.ts";
import { Field } from "../ui/field.tsx";

interface DispatchOptionsProps {
  draft: Draft;
  errors: FieldErrors;
  onChange: (part: Partial<Draft>) => void;
}

const PRIORITIES = ["1 — first", "2 — sooner", "3 — usual", "4 — later", "5 — last"];
const WHEN = { success: "succeeded", completion: "ended, however", failure: "failed" } as const;

export function DispatchOptions({ draft, errors, onChange }: DispatchOptionsProps) {
  const [open, setOpen] = useState(false);
  const wrong = [errors.priority, errors.timeoutMs, errors.retries, errors.dependsOn, errors.model, errors.description].some(
    (error) => error !== undefined,
  );
  return (
    <details className="more" open={open || wrong} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Priority, time, dependencies, model</summary>
      <div className="options">
        <Field label="Priority" error={errors.priority}>
          {(input) => (
            <select
              {...input}
              className="input"
              value={draft.priority}
              onChange={(event) => onChange({ priority: Number(event.target.value) })}
            >
              {PRIORITIES.map((label, i) => (
                <option key={label} value={i + 1}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Timeout" error={errors.timeoutMs} hint="From start to end: 90s, 2h, 1h 30m.">
          {(input) => (
            <input
              {...input}
              className="input"
              value={draft.timeout}
              placeholder="30m"
              onChange={(event) => onChange({ timeout: event.target.value })}
            />
          )}
        </Field>
        <Field label="Retries" error={errors.retries} hint="After what may pass, such as a lost network.">
          {(input) => (
            <input
              {...input}
              className="input"
              inputMode="numeric"
              value={draft.retries}
              placeholder="0"
              onChange={(event) => onChange({ retries: event.target.value })}
            />
          )}
        </Field>
        {draft.kind === "prompt" && (
          <Field label="Model" error={errors.model} hint="As the agent's CLI names it.">
            {(input) => (
              <input
                {...input}
                className="input mono"
                value={draft.model}
                placeholder="the agent's own"
                maxLength={128}
                spellCheck={false}
                autoCapitalize="off"
                onChange={(event) => onChange({ model: event.target.value })}
              />
            )}
          </Field>
        )}
        <div className="whole">
          <DependsOn draft={draft} errors={errors} onChange={onChange} />
        </div>
        <div className="whole">
          <Field label="Description" error={errors.description} hint="What it is called in lists, instead of its first line.">
            {(input) => (
              <input
                {...input}
                className="input"
                value={draft.description}
                maxLength={1024}
                onChange={(event) => onChange({ description: event.target.value })}
              />
            )}
          </Field>
        </div>
      </div>
    </details>
  );
}

function DependsOn({ draft, errors, onChange }: DispatchOptionsProps) {
  const [open, setOpen] = useState<readonly Task[]>([]);
  useEffect(() => {
    let here = true;
    const query = { status: [...STATUS_GROUPS.waiting, ...STATUS_GROUPS.running].join(","), limit: "6" };
    void call(ROUTES.tasks, { query }).then((answer) => here && answer.ok && setOpen(answer.value.items)); // only a help: without it ids are typed
    return () => {
      here = false;
    };
  }, []);
  const ids = idsOf(draft.dependsOn);
  const offers = open.filter((task) => !ids.includes(task.id)).slice(0, 4);
  return (
    <>
      <Field label="Runs after" error={errors.dependsOn} hint="Ids of tasks, between blanks.">
        {(input) => (
          <div className="row depends-row">
            <input
              {...input}
              className="input mono"
              value={draft.dependsOn}
              placeholder="tsk_…"
              spellCheck={false}
              autoCapitalize="off"
              onChange={(event) => onChange({ dependsOn: event.target.value })}
            />
            <select
              className="input pick"
              aria-label="Runs when those have"
              value={draft.dependsWhen}
              onChange={(event) => onChange({ dependsWhen: DEPENDENCY_ON.find((on) => on === event.target.value) ?? "success" })}
            >
              {DEPENDENCY_ON.map((on) => (
                <option key={on} value={on}>
                  {WHEN[on]}
                </option>
              ))}
            </select>
          </div>
        )}
      </Field>
      {offers.length > 0 && (
        <div className="row wrap offers" role="group" aria-label="Open tasks">
          {offers.map((task) => (
            <button
              key={task.id}
              type="button"
              className="button small offer"
              title={task.id}
              onClick={() => onChange({ dependsOn: [...ids, task.id].join(" ") })}
            >
              <span className="cut">{taskTitle(task)}</span>
              <span className="muted mono">{shortId(task.id)}</span>
            </button>
          ))}
        </div>
      )}
    </>
  );
}
