/** Which agents do it, or which host. */
import { useState } from "react";
import type { Agent } from "@maestro/shared/contract/resources";
import type { MaestroError } from "@maestro/shared/errors";
import { useFleet } from "../app/fleet-context.tsx";
import { typeName, usable } from "../fleet/launch.ts";
import { hostTone } from "../fleet/tree.ts";
import { hostWord, reachWords } from "../remote/words.ts";
import { Field, Wrong } from "../ui/field.tsx";
import { Dot } from "../ui/parts.tsx";
import { RemoteTag } from "../remote/badges.tsx";

/** From so many on they can be narrowed. */
const MANY = 8;

interface PickAgentsProps {
  chosen: readonly string[];
  onChange: (agents: readonly string[]) => void;
  error: MaestroError | undefined;
}

export function PickAgents({ chosen, onChange, error }: PickAgentsProps) {
  const fleet = useFleet();
  const [words, setWords] = useState("");
  const all = fleet.agents.toSorted((a, b) => a.name.localeCompare(b.name));
  const shown = all.filter(
    (agent) => chosen.includes(agent.name) || `${agent.name} ${agent.host.name}`.includes(words.trim().toLowerCase()),
  );
  const toggle = (name: string): void => onChange(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <fieldset className="field picks">
      <legend>
        {chosen.length > 1 ? `Agents (${chosen.length})` : "Agent"}
        {all.length >= MANY && (
          <input
            type="search"
            className="input"
            aria-label="Narrow the agents"
            placeholder="Narrow"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        )}
      </legend>
      <div className="pick-list" role="group" aria-label="Agents">
        {shown.map((agent, i) => (
          <label key={agent.id} className="choice small-choice">
            <input
              type="checkbox"
              checked={chosen.includes(agent.name)}
              onChange={() => toggle(agent.name)}
              aria-invalid={error !== undefined && i === 0}
            />
            <AgentWords agent={agent} />
          </label>
        ))}
        {shown.length === 0 && <p className="muted small">No agent is called that.</p>}
      </div>
      {error === undefined ? (
        <small>{chosen.length > 1 ? "Each of them does all of it." : "Several do the same work side by side."}</small>
      ) : (
        <Wrong error={error} />
      )}
    </fieldset>
  );
}

function AgentWords({ agent }: { agent: Agent }) {
  const fleet = useFleet();
  const type = fleet.types.find((candidate) => candidate.slug === agent.type);
  const host = fleet.hosts.find((candidate) => candidate.id === agent.host.id);
  const away = host !== undefined && !usable(host);
  return (
    <span className="grow row">
      <span className="grow cut">
        {agent.name} <span className="muted">{type === undefined ? agent.type : typeName(type)}</span>
      </span>
      <span className="muted small cut">{away ? `waits for ${agent.host.name}` : agent.host.name}</span>
      <RemoteTag host={host} />
      {host !== undefined && <Dot tone={hostTone(host)} label={`Host ${host.status}`} />}
    </span>
  );
}

export function PickHost({
  chosen,
  onChange,
  error,
}: {
  chosen: string;
  onChange: (host: string) => void;
  error: MaestroError | undefined;
}) {
  const fleet = useFleet();
  const hosts = fleet.hosts.toSorted((a, b) => a.name.localeCompare(b.name));
  return (
    <Field label="Host" error={error} hint="It waits when its host is away or has no room.">
      {(input) => (
        <select {...input} className="input" value={chosen} onChange={(event) => onChange(event.target.value)}>
          <option value="">Any host that has room</option>
          {hosts.map((host) => (
            <option key={host.id} value={host.name}>
              {host.name}
              {reachWords(host) === undefined ? "" : ` (${reachWords(host)})`}
              {usable(host) ? "" : ` — ${hostWord(host) ?? host.status}`}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
