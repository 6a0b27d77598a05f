/** Changes where an agent works and what is started for it, from its next start on. */
import { useState, type FormEvent } from "react";
import type { Agent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet, useFleetStore } from "../app/fleet-context.tsx";
import { useAction } from "../app/use-action.ts";
import { agentDraftOf, agentIsWrong, agentPatchOf, agentProblems } from "../fleet/agent-draft.ts";
import { EnvironmentList } from "../remote/environment-list.tsx";
import { reachWords } from "../remote/words.ts";
import { CodeInput } from "../ui/code-input.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field, type FieldInput } from "../ui/field.tsx";
import { FormEnd } from "../ui/form-end.tsx";

export function EditAgent({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const action = useAction();
  const [draft, setDraft] = useState(() => agentDraftOf(agent));
  const problems = agentProblems(draft);
  const patch = agentPatchOf(draft, agent);
  const change = (part: Partial<typeof draft>): void => setDraft({ ...draft, ...part });
  const text = (field: "cwd" | "program" | "role" | "model", placeholder: string) => (input: FieldInput) => (
    <CodeInput {...input} value={draft[field]} placeholder={placeholder} onChange={(text) => change({ [field]: text })} />
  );
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (agentIsWrong(problems)) return;
    action.run(
      () => call(ROUTES.agentUpdate, { id: agent.id, body: patch }),
      () => {
        store.refetch(["agents"]);
        onClose();
      },
    );
  };
  return (
    <Dialog title={`Settings of ${agent.name}`} onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate>
        <Field label="Host" hint="It can move while it rests and no task waits for it. What it has on its host stays there.">
          {(input) => (
            <select {...input} className="input" value={draft.host} onChange={(event) => change({ host: event.target.value })}>
              {fleet.hosts.map((host) => (
                <option key={host.id} value={host.id}>
                  {host.name}
                  {reachWords(host) === undefined ? "" : ` (${reachWords(host)})`}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Works in" error={problems.cwd} hint="On its host; empty: in its workspace.">
          {text("cwd", agent.workspace)}
        </Field>
        <Field
          label="Program"
          error={problems.program}
          hint="A file of its host, or a name that is looked for there; empty: its type's CLI."
        >
          {text("program", "~/bin/claude")}
        </Field>
        <EnvironmentList
          hint="Not for secrets: tasks name those."
          pairs={draft.env}
          problems={problems.env}
          onChange={(env) => change({ env })}
        />
        <Field label="Role">{text("role", "reviewer")}</Field>
        <Field label="Model" hint="Empty: what its CLI chooses.">
          {text("model", "")}
        </Field>
        <Field label="Priority" hint="1 is first.">
          {(input) => (
            <select
              {...input}
              className="input"
              value={draft.priority}
              onChange={(event) => change({ priority: Number(event.target.value) })}
            >
              {[1, 2, 3, 4, 5].map((priority) => (
                <option key={priority}>{priority}</option>
              ))}
            </select>
          )}
        </Field>
        <FormEnd action={action} submit="Save" incomplete={agentIsWrong(problems) || Object.keys(patch).length === 0} onCancel={onClose} />
      </form>
    </Dialog>
  );
}
