/** What of a remote host is seldom other than usual: directory, container, options, environment, whether it is used. */
import { useState } from "react";
import { TRANSPORTS } from "@maestro/shared/contract/remote-hosts";
import { transportOf, type RemoteDraft } from "../remote/draft.ts";
import { transportName } from "../remote/words.ts";
import { CodeInput } from "../ui/code-input.tsx";
import { Field } from "../ui/field.tsx";
import { EnvironmentList } from "../remote/environment-list.tsx";
import { PairList } from "../remote/pair-list.tsx";
import { RemoteText, type RemoteFieldsProps } from "./remote-text.tsx";

const CONTAINERS = [
  { kind: "none", label: "None: on the machine itself" },
  { kind: "auto", label: "The first of the user's that runs" },
  { kind: "named", label: "The one called…" },
] as const;

export function RemoteOptions({ draft, problems, onChange }: RemoteFieldsProps) {
  const [open, setOpen] = useState(() => isUnusual(draft));
  const { fields, options, env } = problems;
  const isWrong = [fields.cwd, fields.container, fields.transport].some((error) => error !== undefined) || options.size > 0 || env.size > 0;
  return (
    <details className="more seldom" open={open || isWrong} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Directory, container, SSH options, environment</summary>
      <div className="options">
        <RemoteText
          draft={draft}
          problems={problems}
          onChange={onChange}
          field="cwd"
          label="Working directory"
          placeholder="~"
          hint="Where work begins unless it says otherwise."
        />
        <Field label="Transport" error={fields.transport}>
          {(input) => (
            <select
              {...input}
              className="input"
              value={draft.transport}
              onChange={(event) => onChange({ transport: TRANSPORTS.find((one) => one === event.target.value) ?? "auto" })}
            >
              <option value="auto">By its address: {transportName(transportOf(draft.address))}</option>
              {TRANSPORTS.map((transport) => (
                <option key={transport} value={transport}>
                  {transportName(transport)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <ContainerFields draft={draft} problems={problems} onChange={onChange} />
        <div className="whole">
          <PairList
            label="SSH options"
            one="option"
            hint="Of ssh_config(5)."
            placeholder={{ name: "ConnectTimeout", value: "30" }}
            pairs={draft.options}
            problems={options}
            onChange={(pairs) => onChange({ options: pairs })}
          />
        </div>
        <div className="whole">
          <EnvironmentList
            hint="Everything started there has them. Not for secrets."
            pairs={draft.env}
            problems={env}
            onChange={(pairs) => onChange({ env: pairs })}
          />
        </div>
        <label className="choice whole">
          <input type="checkbox" checked={draft.enabled} onChange={(event) => onChange({ enabled: event.target.checked })} />
          <span>
            Enabled
            <small className="muted small block">Switched off, it stays in the list and nothing connects to it.</small>
          </span>
        </label>
      </div>
    </details>
  );
}

function ContainerFields({ draft, problems, onChange }: RemoteFieldsProps) {
  const { container } = draft;
  const error = problems.fields.container;
  return (
    <>
      <Field label="Container" error={container.kind === "named" ? undefined : error}>
        {(input) => (
          <select
            {...input}
            className="input"
            value={container.kind}
            onChange={(event) =>
              onChange({ container: { ...container, kind: CONTAINERS.find(({ kind }) => kind === event.target.value)?.kind ?? "none" } })
            }
          >
            {CONTAINERS.map(({ kind, label }) => (
              <option key={kind} value={kind}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {container.kind === "named" ? (
        <Field label="Its name" error={error}>
          {(input) => (
            <CodeInput
              {...input}
              value={container.name}
              placeholder="dev-box"
              onChange={(name) => onChange({ container: { kind: "named", name } })}
            />
          )}
        </Field>
      ) : (
        <span className="wide-gap" aria-hidden="true" />
      )}
    </>
  );
}

const isUnusual = ({ cwd, container, options, env, enabled, transport }: RemoteDraft): boolean =>
  cwd !== "" || container.kind !== "none" || options.length > 0 || env.length > 0 || !enabled || transport !== "auto";
