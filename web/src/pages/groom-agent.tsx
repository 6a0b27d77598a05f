/** Asks an agent once, read-only, for what it knows: shows how far it is, and its text to be copied. */
import { useEffect, useState } from "react";
import { GROOM_PROMPT, type Groom } from "@maestro/shared/contract/grooms";
import type { Agent } from "@maestro/shared/contract/resources";
import { maestroError } from "@maestro/shared/errors";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call, command, type ApiError } from "../api/client.ts";
import { Link } from "../app/link.tsx";
import { taskPath } from "../app/router.ts";
import { useAction } from "../app/use-action.ts";
import { shownText } from "../fleet/host-files.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { FormEnd } from "../ui/form-end.tsx";
import { CopyButton, Problem } from "../ui/parts.tsx";

const LOOK_MS = 1_500;

export function GroomAgent({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const action = useAction();
  const [prompt, setPrompt] = useState(GROOM_PROMPT);
  const [groom, setGroom] = useState<Groom>();
  const [lost, setLost] = useState<ApiError>();
  const over = groom !== undefined && groom.status !== "waiting" && groom.status !== "running";
  const id = groom?.id;
  useEffect(() => {
    if (id === undefined || over) return;
    const leaving = new AbortController();
    const timer = setInterval(() => {
      void call(ROUTES.groom, { id, signal: leaving.signal }).then((result) => {
        if (leaving.signal.aborted) return;
        if (result.ok) setGroom(result.value);
        setLost(result.ok ? undefined : result.error);
      }); // every refusal is a value
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
      leaving.abort();
    };
  }, [id, over]);
  const begin = (): void =>
    action.run(() => call(ROUTES.agentGroom, { id: agent.id, body: prompt === GROOM_PROMPT ? {} : { prompt } }), setGroom);
  if (groom === undefined)
    return (
      <Dialog title={`Ask ${agent.name} what it knows`} onClose={onClose}>
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            begin();
          }}
        >
          <p className="muted">Its CLI is asked once, may read and change nothing, and answers within 5 minutes.</p>
          <Field label="What to ask">
            {(input) => (
              <textarea {...input} className="input" rows={8} value={prompt} onChange={(event) => setPrompt(event.target.value)} />
            )}
          </Field>
          <FormEnd action={action} submit="Ask" incomplete={prompt.trim() === ""} onCancel={onClose} />
        </form>
      </Dialog>
    );
  return (
    <Dialog title={`What ${agent.name} knows`} onClose={onClose}>
      <div className="stack">
        <p className="muted" role="status">
          {words(groom)} <Link to={taskPath(groom.id)}>Its task</Link>
        </p>
        {groom.text !== undefined && (
          <pre className="result card" tabIndex={0} aria-label="Its text">
            {shownText(groom.text)}
          </pre>
        )}
        {groom.status === "failed" && (
          <Problem
            error={maestroError(
              "task_failed",
              groom.reason?.detail ?? "It gave no reason.",
              groom.reason?.hint === undefined ? {} : { hint: groom.reason.hint },
            )}
          />
        )}
        {lost !== undefined && <Problem error={lost} />}
        {action.error !== undefined && <Problem error={action.error} />}
        <div className="buttons">
          {groom.text !== undefined && <CopyButton text={groom.text} />}
          {!over && (
            <button
              type="button"
              className="button"
              disabled={action.busy}
              onClick={() =>
                action.run(
                  () => command(ROUTES.groomCancel, { id: groom.id }),
                  () => undefined,
                )
              }
            >
              Stop
            </button>
          )}
          <button type="button" className="button primary" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function words({ status, partial, waiting, progress: { bytesReceived, chunkCount, elapsedMs } }: Groom): string {
  const come = `${chunkCount} lines, ${bytesReceived} bytes, ${Math.round(elapsedMs / 1000)} s`;
  switch (status) {
    case "waiting":
      return `It waits${waiting === undefined ? "." : `: ${waiting.detail}`}`;
    case "running":
      return `It answers: ${come}.`;
    case "done":
      return partial === true ? `Its time was over: this is what it had said by then (${come}).` : `It has answered: ${come}.`;
    case "failed":
      return `It failed after ${come}.`;
    case "cancelled":
      return "It was stopped.";
  }
}
