/** One of a few, in a row: radio buttons that look like one control. */
import { useId } from "react";

export function Segments<T extends string>(props: {
  label: string;
  options: readonly { value: T; label: string; count?: number | undefined }[];
  value: T;
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset className="segments">
      <legend className="sr-only">{props.label}</legend>
      {props.options.map(({ value, label, count }) => (
        <label key={value} className="segment">
          <input type="radio" name={name} value={value} checked={props.value === value} onChange={() => props.onChange(value)} />
          <span>
            {label}
            {count !== undefined && count > 0 && <span className="count">{count}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
