/** Which of the fleet's secrets the task gets. Nothing is said where there are none, or where they may not be listed. */
import { useEffect, useState } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { MaestroError } from "@maestro/shared/errors";
import { callAll } from "../api/client.ts";
import { Wrong } from "../ui/field.tsx";

interface FleetSecretsProps {
  /** Names. */
  chosen: readonly string[];
  error: MaestroError | undefined;
  onChange: (chosen: readonly string[]) => void;
}

export function FleetSecrets({ chosen, error, onChange }: FleetSecretsProps) {
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    let here = true;
    void callAll(ROUTES.secrets).then((answer) => here && answer.ok && setNames(answer.value.map(({ name }) => name).toSorted())); // without it there is nothing to choose
    return () => {
      here = false;
    };
  }, []);
  if (names.length === 0) return null;
  const toggle = (name: string): void => onChange(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <fieldset className="field picks whole">
      <legend>Secrets of the fleet</legend>
      <div className="pick-list" role="group" aria-label="Secrets of the fleet">
        {names.map((name, i) => (
          <label key={name} className="choice small-choice">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              aria-invalid={error !== undefined && i === 0}
              onChange={() => toggle(name)}
            />
            <span className="mono cut">{name}</span>
          </label>
        ))}
      </div>
      {error !== undefined && <Wrong error={error} />}
    </fieldset>
  );
}
