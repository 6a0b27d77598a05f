/** A text input for what a machine reads: paths, names, commands. */
import type { InputHTMLAttributes } from "react";

type CodeInputProps = Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "className" | "value"> & {
  value: string;
  wide?: boolean;
  onChange: (text: string) => void;
};

export function CodeInput({ wide = false, onChange, ...input }: CodeInputProps) {
  return (
    <input
      {...input}
      className={wide ? "input mono grow" : "input mono"}
      spellCheck={false}
      autoCapitalize="off"
      autoComplete="off"
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
