/** What can be done with a task: cancel it, saying why, run again what did not succeed, remove what it left. */
import { useState, type FormEvent } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Task } from "@maestro/shared/contract/tasks";
import { call } from "../api/client.ts";
import { useAction } from "../app/use-action.ts";
import { mayCancel, mayRetry } from "../tasks/words.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";
import { TaskCleanup } from "./task-cleanup.tsx";

const REFUSED = "It could not be run again";

interface TaskActionsProps {
  task: Task;
  /** Called when a change is asked for; what it returns, when it is made. */
  onAsked: () => (changed: Task) => void;
}

export function TaskActions({ task, onAsked }: TaskActionsProps) {
  const retry = useAction(REFUSED);
  const [cancelling, cancel] = useOpened();
  return (
    <>
      {mayRetry(task) && (
        <button
          type="button"
          className="button"
          disabled={retry.busy}
          onClick={() => retry.run(() => call(ROUTES.taskRetry, { id: task.id }), onAsked())}
        >
          <Icon name="again" /> Run again
        </button>
      )}
      {mayCancel(task.status) && (
        <button type="button" className="button danger" onClick={() => cancel(true)}>
          <Icon name="stop" /> Cancel task
        </button>
      )}
      <TaskCleanup task={task} />
      {retry.error !== undefined && (
        <Dialog title={REFUSED} onClose={retry.clear}>
          <Problem error={retry.error} />
        </Dialog>
      )}
      {cancelling !== undefined && <CancelTask task={task} onAsked={onAsked} onClose={cancelling.close} />}
    </>
  );
}

function CancelTask({ task, onAsked, onClose }: TaskActionsProps & { onClose: () => void }) {
  const action = useAction();
  const [reason, setReason] = useState("");
  const runs = task.startedAt !== undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const body = reason.trim() === "" ? {} : { reason: reason.trim() };
    const changed = onAsked();
    action.run(
      () => call(ROUTES.taskCancel, { id: task.id, body }),
      (cancelled) => {
        onClose();
        changed(cancelled);
      },
    );
  };
  return (
    <Dialog title="Cancel this task?" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <p>
          {runs
            ? "Its program is asked to stop, and killed with everything it started if it does not within 20 seconds. Its workspace and its log stay."
            : "It will not be run. What depends on it will not be run either, unless it says otherwise."}
        </p>
        <Field label="Reason" hint="Shown with the task and in the audit log.">
          {(input) => (
            <input
              {...input}
              className="input"
              value={reason}
              maxLength={512}
              onChange={(event) => setReason(event.target.value)}
              data-focus
            />
          )}
        </Field>
        {action.error !== undefined && <Problem error={action.error} />}
        <div className="buttons">
          <button type="button" className="button" onClick={onClose}>
            Keep it
          </button>
          <button type="submit" className="button danger sure" disabled={action.busy}>
            Cancel task
          </button>
        </div>
      </form>
    </Dialog>
  );
}
