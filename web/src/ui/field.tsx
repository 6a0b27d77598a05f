/** A named input with what to know about it, or what is wrong with it. */
import { useId, type ReactNode } from "react";
import type { MaestroError } from "@maestro/shared/errors";

export interface FieldInput {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

export function Field(props: {
  label: string;
  hint?: ReactNode;
  error?: MaestroError | undefined;
  children: (input: FieldInput) => ReactNode;
}) {
  const id = useId();
  const { hint, error } = props;
  const note = error !== undefined || hint !== undefined ? `${id}note` : undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({ id, "aria-invalid": error !== undefined, "aria-describedby": note })}
      {error === undefined ? hint !== undefined && <small id={note}>{hint}</small> : <Wrong id={note} error={error} />}
    </div>
  );
}

/** The same below a group of inputs. */
export function Wrong({ id, error }: { id?: string | undefined; error: MaestroError }) {
  return (
    <small id={id} className="wrong" role="alert">
      {error.detail}
      {error.hint !== undefined && ` ${error.hint}`}
    </small>
  );
}
