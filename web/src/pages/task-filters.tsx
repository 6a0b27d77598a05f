/** What the list is narrowed to; every change is in the address, so that it can be kept and shared. */
import { useEffect, useId, useState } from "react";
import { useFleet } from "../app/fleet-context.tsx";
import { STATUS_GROUP_NAMES, type StatusGroup, type TaskFilter } from "../tasks/filters.ts";
import { Icon } from "../ui/icons.tsx";
import { Segments } from "../ui/segments.tsx";

const LABELS: Record<StatusGroup, string> = {
  all: "All",
  waiting: "Waiting",
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};
/** Between keystrokes. */
const SETTLE_MS = 250;

export function TaskFilters({ filter, onChange }: { filter: TaskFilter; onChange: (filter: TaskFilter) => void }) {
  const fleet = useFleet();
  return (
    <div className="filters" role="search" aria-label="Tasks">
      <Segments
        label="State"
        options={STATUS_GROUP_NAMES.map((value) => ({ value, label: LABELS[value] }))}
        value={filter.status}
        onChange={(status) => onChange({ ...filter, status })}
      />
      <Pick label="Agent" any="Any agent" names={fleet.agents} value={filter.agent} onChange={(agent) => onChange({ ...filter, agent })} />
      <Pick label="Host" any="Any host" names={fleet.hosts} value={filter.host} onChange={(host) => onChange({ ...filter, host })} />
      <Words value={filter.q} onChange={(q) => onChange({ ...filter, q })} />
    </div>
  );
}

function Pick(props: { label: string; any: string; names: readonly { name: string }[]; value: string; onChange: (value: string) => void }) {
  // The address may name one that is gone.
  const names = [...new Set([...props.names.map(({ name }) => name), ...(props.value === "" ? [] : [props.value])])].toSorted();
  return (
    <select className="input pick" aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.target.value)}>
      <option value="">{props.any}</option>
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

function Words({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const id = useId();
  const [text, setText] = useState(value);
  const [told, setTold] = useState(value);
  if (value !== told) {
    // The address changed by other means.
    setTold(value);
    setText(value);
  }
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => {
      setTold(text.trim());
      onChange(text);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  return (
    <div className="searchbox">
      <Icon name="search" />
      <label className="sr-only" htmlFor={id}>
        Search tasks
      </label>
      <input
        id={id}
        className="input"
        type="search"
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder="Search"
        maxLength={128}
        spellCheck={false}
      />
    </div>
  );
}
