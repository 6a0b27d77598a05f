/** The Hosts of an ssh_config to choose from; those that cannot be used stay in the list and say why. */
import { useEffect, useRef, useState } from "react";
import type { HostSshConfig, SshConfigEntry } from "@maestro/shared/contract/ssh-config";
import { escapeUnsafe } from "@maestro/shared/sanitize";
import { entriesWith, entryWords } from "../remote/config-entry.ts";

interface ConfigEntriesProps {
  config: HostSshConfig;
  /** The carrier's name. */
  on: string;
  onPick: (entry: SshConfigEntry) => void;
}

/** More than are seen at once. */
const MANY = 6;

export function ConfigEntries({ config: { exists, entries, truncated }, on, onPick }: ConfigEntriesProps) {
  const [typed, setTyped] = useState("");
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Where fingers point, a keyboard on the screen would hide the list.
    if (matchMedia("(pointer: fine)").matches)
      panel.current?.querySelector<HTMLElement>("input, button:enabled")?.focus({ preventScroll: true });
  }, []);
  if (!exists)
    return (
      <p className="config-none">
        There is no <span className="mono">~/.ssh/config</span> on {on}. <span className="muted">Fill in the fields below instead.</span>
      </p>
    );
  if (entries.length === 0)
    return (
      <p className="config-none">
        <span className="mono">~/.ssh/config</span> on {on} names no hosts.{" "}
        <span className="muted">Patterns such as * are none to choose.</span>
      </p>
    );
  const shown = entriesWith(entries, typed);
  return (
    <div className="card config-entries" ref={panel}>
      {entries.length > MANY && (
        <input
          className="input"
          type="search"
          aria-label="Find a host"
          placeholder={`Find one of ${entries.length}${truncated ? "+" : ""}`}
          value={typed}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
          // It would save the form.
          onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
        />
      )}
      <ul aria-label={`Hosts in the ssh_config of ${on}`}>
        {shown.map((entry) => (
          <li key={entry.host}>
            <button type="button" disabled={entry.problem !== undefined} onClick={() => onPick(entry)}>
              <span className="mono cut">{escapeUnsafe(entry.host)}</span>
              {entryWords(entry) !== "" && <span className="muted small cut">{escapeUnsafe(entryWords(entry))}</span>}
            </button>
            {entry.problem !== undefined && <small className="said danger">{escapeUnsafe(entry.problem)}</small>}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="muted">None of them has “{typed}”.</p>}
      {truncated && (
        <p className="muted small">The file names more than these. Any Host of it can be written as the address, with ssh_config in use.</p>
      )}
    </div>
  );
}
