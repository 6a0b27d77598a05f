/** A text input for any of the texts of a remote host that is being written. */
import type { ReactNode } from "react";
import type { RemoteDraft } from "../remote/draft.ts";
import type { RemoteProblems } from "../remote/draft-problems.ts";
import { Field } from "../ui/field.tsx";

export interface RemoteFieldsProps {
  draft: RemoteDraft;
  problems: RemoteProblems;
  onChange: (part: Partial<RemoteDraft>) => void;
}

type TextField = "name" | "address" | "user" | "port" | "identity" | "cwd";

interface TextFieldProps {
  field: TextField;
  label: string;
  placeholder?: string;
  hint?: ReactNode;
  focus?: boolean;
  numeric?: boolean;
}

export function RemoteText(props: RemoteFieldsProps & TextFieldProps) {
  const { draft, problems, onChange, field, label, placeholder, hint, focus = false, numeric = false } = props;
  return (
    <Field label={label} hint={hint} error={problems.fields[field]}>
      {(input) => (
        <input
          {...input}
          className="input mono"
          value={draft[field]}
          placeholder={placeholder}
          inputMode={numeric ? "numeric" : "text"}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          autoCorrect="off"
          data-focus={focus ? "" : undefined}
          onChange={(event) => onChange({ [field]: event.target.value })}
        />
      )}
    </Field>
  );
}
