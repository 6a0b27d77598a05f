/** "Dispatch a task": a prompt for agents or a command for a host, and how it is to be run. */
import { useEffect, useRef, useState, type FormEvent } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { MaestroError } from "@maestro/shared/errors";
import { call } from "../api/client.ts";
import { useFleet } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { taskPath } from "../app/router.ts";
import { onward } from "../app/started.ts";
import { useAction } from "../app/use-action.ts";
import { shellWord, splitArgv } from "../tasks/argv.ts";
import { bodyOf, emptyDraft, placeOfError, type Draft, type Field as FieldName, type FieldErrors } from "../tasks/draft.ts";
import { readImages, withImages } from "../tasks/images.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { Problem } from "../ui/parts.tsx";
import { Segments } from "../ui/segments.tsx";
import { DispatchOptions } from "./dispatch-options.tsx";
import { DispatchPlace } from "./dispatch-place.tsx";
import { PickAgents, PickHost } from "./dispatch-targets.tsx";
import { PickImages } from "./pick-images.tsx";

/** As many as may go with a prompt, over a slow line. */
const WITH_IMAGES_MS = 180_000;

interface Written {
  draft: Draft;
  /** Of what was chosen last as an image. */
  unfit: MaestroError | undefined;
}

/** @param agent chosen to begin with, by name. */
export function Dispatch({ agent, onClose }: { agent?: string; onClose: () => void }) {
  const fleet = useFleet();
  const action = useAction();
  const form = useRef<HTMLFormElement>(null);
  // The same request sent again, after an answer that never came, must not be done twice.
  const sent = useRef({ text: "", key: "" });
  const [{ draft, unfit }, setWritten] = useState<Written>(() => ({
    draft: {
      ...emptyDraft,
      agents: agent !== undefined ? [agent] : fleet.agents.length === 1 ? fleet.agents.map(({ name }) => name) : [],
    },
    unfit: undefined,
  }));
  const [wrong, setWrong] = useState<FieldErrors>({});
  const change = (part: Partial<Draft>): void => setWritten((now) => ({ ...now, draft: { ...now.draft, ...part } }));
  const addImages = async (files: readonly File[]): Promise<void> => {
    const read = await readImages(files);
    setWritten((now) => {
      const images = withImages(now.draft.images, read);
      return images.ok ? { draft: { ...now.draft, images: images.value }, unfit: undefined } : { ...now, unfit: images.error };
    });
  };

  const refused = action.error === undefined ? undefined : placeOfError(action.error);
  const shown = refused !== undefined && isShown(refused, draft.kind) ? refused : undefined;
  const refusal = shown === undefined ? undefined : action.error;
  const errors: FieldErrors = shown === undefined || refusal === undefined ? wrong : { ...wrong, [shown]: refusal };

  useEffect(() => {
    if (refusal !== undefined) toFirst(form.current);
  }, [refusal]);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const body = bodyOf(draft);
    setWrong(body.ok ? {} : body.error);
    if (!body.ok) {
      action.clear();
      return toFirst(form.current);
    }
    const text = JSON.stringify(body.value);
    if (sent.current.text !== text) sent.current = { text, key: crypto.randomUUID() };
    const go = onward();
    action.run(
      () =>
        call(ROUTES.taskCreate, {
          body: body.value,
          idempotencyKey: sent.current.key,
          ...(body.value.images === undefined ? {} : { signal: AbortSignal.timeout(WITH_IMAGES_MS) }),
        }),
      (task) => {
        go(taskPath(task.id));
        onClose();
      },
    );
  };

  return (
    <Dialog title="Dispatch a task" onClose={onClose}>
      <form className="stack" onSubmit={submit} ref={form} noValidate aria-label="Task">
        <Segments
          label="Kind"
          options={[
            { value: "prompt", label: "Prompt" },
            { value: "command", label: "Command" },
          ]}
          value={draft.kind}
          onChange={(kind) => change({ kind })}
        />
        {draft.kind === "prompt" ? (
          <>
            <Field label="Prompt" error={errors.prompt}>
              {(input) => (
                <textarea
                  {...input}
                  className="input"
                  rows={5}
                  value={draft.prompt}
                  onChange={(event) => change({ prompt: event.target.value })}
                  onPaste={(event) => {
                    const files = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
                    if (files.length === 0) return;
                    event.preventDefault();
                    void addImages(files); // what is wrong with one is shown at its field
                  }}
                  placeholder="Find out why the checkout test is flaky, and fix it."
                  data-focus
                />
              )}
            </Field>
            <PickImages
              images={draft.images}
              error={unfit ?? errors.images}
              onAdd={(files) => void addImages(files)} // as above
              onChange={(images) => setWritten((now) => ({ draft: { ...now.draft, images }, unfit: undefined }))}
            />
            {fleet.agents.length === 0 ? (
              <div className="banner">
                <p className="grow">
                  There is no agent yet. <Link to="/agents">Assign one</Link>, or run a command on a host.
                </p>
              </div>
            ) : (
              <PickAgents chosen={draft.agents} onChange={(agents) => change({ agents })} error={errors.to} />
            )}
          </>
        ) : (
          <>
            <Field label="Command" error={errors.command} hint={<Arguments line={draft.command} />}>
              {(input) => (
                <input
                  {...input}
                  className="input mono"
                  value={draft.command}
                  onChange={(event) => change({ command: event.target.value })}
                  placeholder="npm test -- --run"
                  spellCheck={false}
                  autoCapitalize="off"
                  data-focus
                />
              )}
            </Field>
            <PickHost chosen={draft.host} onChange={(host) => change({ host })} error={errors.on} />
          </>
        )}
        <DispatchPlace place={draft.place} errors={errors} onChange={change} />
        <DispatchOptions draft={draft} errors={errors} onChange={change} />
        {action.error !== undefined && shown === undefined && <Problem error={action.error} />}
        <div className="buttons">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={action.busy}>
            {action.busy && <span className="spinner" />}
            Dispatch
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What the program will get, and what is not done to it. */
function Arguments({ line }: { line: string }) {
  const argv = splitArgv(line);
  if (line.trim() === "" || !argv.ok) return "A program and its arguments. No shell reads it.";
  const odd = shellWord(argv.value);
  return (
    <span className="argv">
      {argv.value.map((arg, i) => (
        <code key={i}>{arg === "" ? "''" : arg}</code>
      ))}
      {odd !== undefined && <span className="wrong">No shell reads it: the program gets {odd} as it stands. Use sh -c '…' for that.</span>}
    </span>
  );
}

const isShown = (field: FieldName, kind: Draft["kind"]): boolean =>
  kind === "prompt" ? field !== "command" && field !== "on" : field !== "prompt" && field !== "images" && field !== "to";

/** Where the first thing is wrong; options may have to be opened first. */
function toFirst(form: HTMLFormElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
