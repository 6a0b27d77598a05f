/** Keys that are typed for one task: their values are not shown, and go nowhere but into the request. */
import { useId, useRef } from "react";
import { FORWARDABLE_ENV } from "@maestro/shared/contract/state";
import type { MaestroError } from "@maestro/shared/errors";
import { withRow, type Pair } from "../remote/pairs.ts";
import { keyErrors } from "../tasks/draft-place.ts";
import { CodeInput } from "../ui/code-input.tsx";
import { Wrong } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";

interface TypedKeysProps {
  keys: readonly Pair[];
  error: MaestroError | undefined;
  onChange: (keys: readonly Pair[]) => void;
}

export function TypedKeys({ keys, error, onChange }: TypedKeysProps) {
  const id = useId();
  const root = useRef<HTMLFieldSetElement>(null);
  const { rows, whole } = keyErrors(keys, error);
  const change = (at: number, part: Partial<Pair>): void => onChange(keys.map((key) => (key.id === at ? { ...key, ...part } : key)));
  const add = (): void => {
    onChange(withRow(keys));
    requestAnimationFrame(() => [...(root.current?.querySelectorAll<HTMLElement>(".pair") ?? [])].at(-1)?.querySelector("input")?.focus());
  };
  return (
    <fieldset className="field pairs" ref={root} aria-describedby={`${id}hint`}>
      <legend>Keys</legend>
      <datalist id={`${id}names`}>
        {FORWARDABLE_ENV.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {keys.map((key, i) => {
        const problem = rows.get(key.id);
        const note = problem === undefined ? undefined : `${id}${key.id}`;
        const called = key.name.trim() === "" ? `key ${i + 1}` : key.name.trim();
        const wrong = problem === undefined ? (whole !== undefined && i === 0 ? "name" : undefined) : partOf(problem, key);
        return (
          <div key={key.id}>
            <div className="pair">
              <CodeInput
                aria-invalid={wrong === "name"}
                aria-describedby={note}
                aria-label={`Name of key ${i + 1}`}
                list={`${id}names`}
                placeholder="GH_TOKEN"
                value={key.name}
                onChange={(name) => change(key.id, { name })}
              />
              <span aria-hidden="true">=</span>
              <CodeInput
                aria-invalid={wrong === "value"}
                aria-describedby={note}
                type="password"
                aria-label={`Value of ${called}`}
                value={key.value}
                onChange={(value) => change(key.id, { value })}
              />
              <button
                type="button"
                className="button quiet icon"
                aria-label={`Remove ${called}`}
                onClick={() => onChange(keys.filter((other) => other.id !== key.id))}
              >
                <Icon name="close" />
              </button>
            </div>
            {problem !== undefined && <Wrong id={note} error={problem} />}
          </div>
        );
      })}
      {whole !== undefined && <Wrong error={whole} />}
      <div className="row wrap">
        <button type="button" className="button small" onClick={add}>
          <Icon name="plus" /> Add a key
        </button>
        <small id={`${id}hint`} className="muted grow">
          For this task alone: sealed when it is sent, deleted when it has ended.
        </small>
      </div>
    </fieldset>
  );
}

const partOf = ({ code }: MaestroError, { name }: Pair): "name" | "value" =>
  code === "value_too_large" || (code === "field_missing" && name.trim() !== "") ? "value" : "name";
