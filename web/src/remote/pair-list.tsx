/** Names with values, row by row, each with what is wrong with it. */
import { useId, useRef } from "react";
import type { MaestroError } from "@maestro/shared/errors";
import { withRow, type Pair } from "./pairs.ts";
import { Wrong } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";

export interface PairListProps {
  label: string;
  /** What one of them is called: `option`. */
  one: string;
  hint: string;
  placeholder: { name: string; value: string };
  pairs: readonly Pair[];
  problems: ReadonlyMap<number, MaestroError>;
  onChange: (pairs: readonly Pair[]) => void;
}

export function PairList({ label, one, hint, placeholder, pairs, problems, onChange }: PairListProps) {
  const id = useId();
  const root = useRef<HTMLFieldSetElement>(null);
  const change = (at: number, part: Partial<Pair>): void => onChange(pairs.map((pair) => (pair.id === at ? { ...pair, ...part } : pair)));
  const add = (): void => {
    onChange(withRow(pairs));
    requestAnimationFrame(() => [...(root.current?.querySelectorAll<HTMLElement>(".pair") ?? [])].at(-1)?.querySelector("input")?.focus());
  };
  return (
    <fieldset className="field pairs" ref={root} aria-describedby={`${id}hint`}>
      <legend>{label}</legend>
      {pairs.map((pair, i) => {
        const problem = problems.get(pair.id);
        const note = problem === undefined ? undefined : `${id}${pair.id}`;
        const input = (part: "name" | "value", ariaLabel: string) => (
          <input
            className="input mono"
            aria-label={ariaLabel}
            aria-invalid={problem !== undefined}
            aria-describedby={note}
            placeholder={placeholder[part]}
            value={pair[part]}
            spellCheck={false}
            autoCapitalize="off"
            autoComplete="off"
            onChange={(event) => change(pair.id, { [part]: event.target.value })}
          />
        );
        return (
          <div key={pair.id}>
            <div className="pair">
              {input("name", `Name of ${one} ${i + 1}`)}
              <span aria-hidden="true">=</span>
              {input("value", `Value of ${pair.name.trim() === "" ? `${one} ${i + 1}` : pair.name.trim()}`)}
              <button
                type="button"
                className="button quiet icon"
                aria-label={`Remove ${pair.name.trim() === "" ? `${one} ${i + 1}` : pair.name.trim()}`}
                onClick={() => onChange(pairs.filter(({ id: other }) => other !== pair.id))}
              >
                <Icon name="close" />
              </button>
            </div>
            {problem !== undefined && <Wrong id={note} error={problem} />}
          </div>
        );
      })}
      <div className="row wrap">
        <button type="button" className="button small" onClick={add}>
          <Icon name="plus" /> Add {one === "option" ? "an option" : "a variable"}
        </button>
        <small id={`${id}hint`} className="muted grow">
          {hint}
        </small>
      </div>
    </fieldset>
  );
}
