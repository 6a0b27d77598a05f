/** Where it works and with which keys: on its host as it is and with none of them unless it is said here. */
import { useState } from "react";
import type { Draft, FieldErrors } from "../tasks/draft.ts";
import { PLACE_FIELDS, variableErrors, type PlaceDraft } from "../tasks/draft-place.ts";
import { PairList } from "../remote/pair-list.tsx";
import { CodeInput } from "../ui/code-input.tsx";
import { Field, Wrong } from "../ui/field.tsx";
import { FleetSecrets } from "./dispatch-secrets.tsx";
import { TypedKeys } from "./dispatch-keys.tsx";

interface DispatchPlaceProps {
  place: PlaceDraft;
  errors: FieldErrors;
  onChange: (part: Pick<Draft, "place">) => void;
}

export function DispatchPlace({ place, errors, onChange }: DispatchPlaceProps) {
  const [open, setOpen] = useState(false);
  const wrong = PLACE_FIELDS.some((field) => errors[field] !== undefined);
  const change = (part: Partial<PlaceDraft>): void => onChange({ place: { ...place, ...part } });
  const variables = variableErrors(place.env, errors.env);
  const cloned = place.repository.trim() !== "";
  return (
    <details className="more seldom" open={open || wrong} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Repository, container, environment, keys</summary>
      <div className="options">
        <div className="whole">
          <Field
            label="Repository"
            error={errors.repository}
            hint="Cloned where the task runs, with the rights that are there; the task works in it."
          >
            {(input) => (
              <CodeInput
                {...input}
                value={place.repository}
                placeholder="https://github.com/you/app"
                maxLength={1024}
                onChange={(repository) => change({ repository })}
              />
            )}
          </Field>
        </div>
        <Field label="Branch" error={errors["repository.branch"]} hint="Of the repository; made if it is not there.">
          {(input) => (
            <CodeInput
              {...input}
              value={place.branch}
              placeholder="maestro/<task>"
              maxLength={200}
              disabled={!cloned}
              onChange={(branch) => change({ branch })}
            />
          )}
        </Field>
        <Field label="Container" error={errors.container} hint={<ContainerHint />}>
          {(input) => (
            <CodeInput
              {...input}
              value={place.container}
              placeholder="as its host says"
              maxLength={128}
              onChange={(container) => change({ container })}
            />
          )}
        </Field>
        <div className="whole">
          <PairList
            label="Environment"
            one="variable"
            placeholder={{ name: "CI", value: "1" }}
            hint="Kept with the task as they stand, so nothing secret."
            pairs={place.env}
            problems={variables.rows}
            onChange={(env) => change({ env })}
          />
          {variables.whole !== undefined && <Wrong error={variables.whole} />}
        </div>
        <div className="whole">
          <TypedKeys keys={place.keys} error={errors.credentials} onChange={(keys) => change({ keys })} />
        </div>
        <FleetSecrets chosen={place.secrets} error={errors.secrets} onChange={(secrets) => change({ secrets })} />
        <div className="whole">
          <Field label="Keys of the host" error={errors.hostEnv} hint="By name, from the environment of its host-agent.">
            {(input) => (
              <CodeInput
                {...input}
                value={place.hostEnv}
                placeholder="GH_TOKEN OPENAI_API_KEY"
                onChange={(hostEnv) => change({ hostEnv })}
              />
            )}
          </Field>
        </div>
        <div className="field whole">
          <label className="choice">
            <input
              type="checkbox"
              checked={place.forwardAgent}
              aria-invalid={errors.forwardAgent !== undefined}
              onChange={(event) => change({ forwardAgent: event.target.checked })}
            />
            <span>
              May use the ssh-agent of the linked host
              <small className="muted small block">
                On a host that is reached by SSH, git there then reaches what your keys reach. Whoever is that user or root there can use
                them as well while the task runs, so <code>forward_agent</code> in the linked host’s <code>policy.yaml</code> has to name
                that host.
              </small>
            </span>
          </label>
          {errors.forwardAgent !== undefined && <Wrong error={errors.forwardAgent} />}
        </div>
      </div>
    </details>
  );
}

const ContainerHint = () => (
  <>
    One that runs there. <code>none</code>: on the host itself, whatever its record says.
  </>
);
