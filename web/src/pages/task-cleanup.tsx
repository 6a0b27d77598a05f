/** Removes what a task left on its hosts, and says of each place what became of it. */
import { useState, type FormEvent } from "react";
import { unreachedHosts } from "@maestro/shared/contract/cleaned";
import { ROUTES } from "@maestro/shared/contract/routes";
import { isFinal, type CleanupResult, type Task } from "@maestro/shared/contract/tasks";
import { call } from "../api/client.ts";
import { useAction } from "../app/use-action.ts";
import { cleanedPlaces } from "../tasks/cleanup-words.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { useOpened } from "../ui/use-opened.ts";

/** The server waits half a minute for the program to stop, and then asks each host. */
const CLEANUP_TIMEOUT_MS = 120_000;

export function TaskCleanup({ task }: { task: Task }) {
  const [dialog, open] = useOpened();
  if (task.targets.every(({ attempts }) => attempts === 0)) return null;
  return (
    <>
      <button type="button" className="button" onClick={() => open(true)}>
        <Icon name="trash" /> Clean up
      </button>
      {dialog !== undefined && <CleanUp task={task} onClose={dialog.close} />}
    </>
  );
}

function CleanUp({ task, onClose }: { task: Task; onClose: () => void }) {
  const action = useAction();
  // As it was when it was asked: it is ended by this very thing.
  const [runs] = useState(!isFinal(task.status));
  const [keepLogs, setKeepLogs] = useState(false);
  const [result, setResult] = useState<CleanupResult>();
  const clean = (): void => {
    const body = keepLogs ? { keepLogs } : {};
    action.run(() => call(ROUTES.taskCleanup, { id: task.id, body, signal: AbortSignal.timeout(CLEANUP_TIMEOUT_MS) }), setResult);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    clean();
  };
  const away = result === undefined ? [] : unreachedHosts(result.items);
  return (
    <Dialog title={titleOf(result, runs)} onClose={onClose}>
      <form className="stack" onSubmit={submit} aria-label="Clean up">
        {result === undefined ? (
          <>
            <p>
              {runs && "It has not ended: it is cancelled, and its program stopped with everything it started. "}
              Workspaces that were made for it are removed, with whatever was not pushed from a clone in them. Kept are worktrees with work
              that is nowhere else, directories that were named for it, and its log here.
            </p>
            <label className="choice">
              <input type="checkbox" checked={keepLogs} disabled={action.busy} onChange={(event) => setKeepLogs(event.target.checked)} />
              <span>Keep the log on the host as well</span>
            </label>
          </>
        ) : (
          <Cleaned result={result} />
        )}
        {away.length > 0 && (
          <div className="banner warn" role="status">
            <Icon name="warning" />
            <p className="grow">{away.join(", ")} cannot be reached. Try again once it is back.</p>
          </div>
        )}
        {action.busy && (
          <p className="muted small" role="status">
            {runs && result === undefined ? "Its program is being stopped: that may take half a minute." : "Its hosts are asked."}
          </p>
        )}
        {action.error !== undefined && <Problem error={action.error} title="It could not be cleaned up" />}
        <div className="buttons">
          <button type="button" className="button" onClick={onClose} data-focus>
            {result === undefined ? "Cancel" : "Close"}
          </button>
          {(result === undefined || away.length > 0) && (
            <button type="submit" className={result === undefined ? "button danger sure" : "button"} disabled={action.busy}>
              {action.busy && <span className="spinner" />}
              {result !== undefined ? "Try again" : runs ? "Stop and clean up" : "Clean up"}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

function titleOf(result: CleanupResult | undefined, runs: boolean): string {
  if (result === undefined) return runs ? "Stop this task and clean up?" : "Clean up this task?";
  return unreachedHosts(result.items).length === 0 ? "Cleaned up" : "Not all is cleaned up";
}

function Cleaned({ result }: { result: CleanupResult }) {
  const places = cleanedPlaces(result);
  if (places.length === 0) return <p>There was nothing to clean up.</p>;
  return (
    <ul className="cleaned card" aria-label="What became of it">
      {places.map(({ attempt, outcome, label, shade, place, host, note }) => (
        <li key={attempt} data-outcome={outcome}>
          <span className="row wrap">
            <span className="grow">{host}</span>
            <span className={`word ${shade}`}>{label}</span>
          </span>
          <span className="mono small muted">{place}</span>
          {note !== "" && <span className="small">{note}</span>}
        </li>
      ))}
    </ul>
  );
}
