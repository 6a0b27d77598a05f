/** Assigns an agent: which type, on which host, in which workspace, under which name; then starts it. */
import { useId, useState, type FormEvent } from "react";
import { ROUTES } from "@maestro/shared/contract/routes";
import { NAME_PATTERN } from "@maestro/shared/names";
import { call } from "../api/client.ts";
import { byFame, defaultWorkspace, freeAgentName, startAgent, typeName, usable } from "../fleet/launch.ts";
import { reachWords } from "../remote/words.ts";
import { Dialog } from "../ui/dialog.tsx";
import { CopyLine, Empty, Problem } from "../ui/parts.tsx";
import { useFleet, useFleetStore } from "./fleet-context.tsx";
import { toStarted } from "./started.ts";
import { useAction } from "./use-action.ts";

/** @param props.host chosen to begin with. */
export function AssignAgent({ host: first, onClose }: { host?: string; onClose: () => void }) {
  const fleet = useFleet();
  const store = useFleetStore();
  const ids = useId();
  const [slug, setSlug] = useState<string>();
  const [hostId, setHostId] = useState(first);
  const [name, setName] = useState<string>();
  const [workspace, setWorkspace] = useState<string>();
  const action = useAction();

  const types = fleet.types.filter((type) => type.adapter !== "shell").toSorted((a, b) => found(b.hosts) - found(a.hosts) || byFame(a, b));
  const type = types.find((candidate) => candidate.slug === slug) ?? types[0];
  const hosts = fleet.hosts.filter(usable);
  const host =
    hosts.find((candidate) => candidate.id === hostId) ??
    hosts.find((candidate) => type?.hosts.some((row) => row.host === candidate.id && row.report.detected.state === "found")) ??
    hosts[0];
  const report = type?.hosts.find((row) => row.host === host?.id)?.report.detected;
  const shownName = name ?? (type === undefined || host === undefined ? "" : freeAgentName(fleet.agents, type.slug, host.name));
  const shownWorkspace = workspace ?? (host === undefined ? "" : defaultWorkspace(host, shownName));

  const assign = (start: boolean): void => {
    if (type === undefined || host === undefined) return;
    const body = { type: type.slug, host: host.id, name: shownName, workspace: shownWorkspace };
    const arrive = start ? toStarted() : () => undefined;
    action.run<{ id: string }>(
      async () => {
        const created = await call(ROUTES.agentCreate, { body });
        const result = created.ok && start ? await startAgent(created.value) : created;
        store.refetch(["agents", "sessions"]); // made, it may yet not have been started
        return result;
      },
      (made) => {
        arrive(made);
        onClose();
      },
    );
  };

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    assign(report?.state === "found");
  };

  if (type === undefined || host === undefined) {
    return (
      <Dialog title="Assign an agent" onClose={onClose}>
        <Empty title={host === undefined ? "No host takes work now" : "No agent type yet"}>
          {host === undefined
            ? "Agents run on hosts. Bring one online, or resume one that is draining."
            : "A host reports the agent CLIs it knows a moment after it joins."}
        </Empty>
      </Dialog>
    );
  }
  const nameWrong = !NAME_PATTERN.test(shownName);
  return (
    <Dialog title="Assign an agent" onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <label className="field" htmlFor={`${ids}type`}>
          <span>Agent</span>
          <select id={`${ids}type`} className="input" value={type.slug} onChange={(event) => setSlug(event.target.value)}>
            {types.map((candidate) => (
              <option key={candidate.slug} value={candidate.slug}>
                {typeName(candidate)} — {installedOn(candidate.hosts)}
              </option>
            ))}
          </select>
        </label>
        <label className="field" htmlFor={`${ids}host`}>
          <span>Host</span>
          <select id={`${ids}host`} className="input" value={host.id} onChange={(event) => setHostId(event.target.value)}>
            {hosts.map((candidate) => (
              <option key={candidate.id} value={candidate.id}>
                {candidate.name}
                {reachWords(candidate) === undefined ? "" : ` (${reachWords(candidate)})`}
                {type.hosts.some((row) => row.host === candidate.id && row.report.detected.state === "found") ? "" : " — not installed"}
              </option>
            ))}
          </select>
        </label>
        {report?.state === "missing" && (
          <div className="banner warn">
            <div className="stack grow">
              <p>
                {typeName(type)} is not installed on {host.name}. Run this there; the host notices by itself:
              </p>
              <CopyLine text={report.install} label={`Installs ${typeName(type)}`} />
            </div>
          </div>
        )}
        {report?.state === "invalid" && <Problem error={{ code: "agent_type_invalid", detail: report.problem }} />}
        <label className="field" htmlFor={`${ids}name`}>
          <span>Name</span>
          <input
            id={`${ids}name`}
            className="input mono"
            value={shownName}
            onChange={(event) => setName(event.target.value)}
            aria-invalid={nameWrong}
            spellCheck={false}
            autoCapitalize="off"
          />
          <small>
            {nameWrong
              ? "Small letters, digits, - and _; at most 63."
              : "Three parts, such as acme-web-reviewer, give it a place in the tree."}
          </small>
        </label>
        <label className="field" htmlFor={`${ids}workspace`}>
          <span>Workspace</span>
          <input
            id={`${ids}workspace`}
            className="input mono"
            value={shownWorkspace}
            onChange={(event) => setWorkspace(event.target.value)}
            spellCheck={false}
            autoCapitalize="off"
          />
          <small>{host.roots.length > 0 ? `Below ${host.roots.join(", ")}. Made if it is missing.` : "Made if it is missing."}</small>
        </label>
        {action.error !== undefined && <Problem error={action.error} />}
        <div className="buttons">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          {report?.state === "found" && (
            <button type="button" className="button" disabled={action.busy || nameWrong} onClick={() => assign(false)}>
              Assign only
            </button>
          )}
          <button type="submit" className="button primary" disabled={action.busy || nameWrong}>
            {report?.state === "found" ? "Assign and start" : "Assign"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

type Rows = readonly { name: string; report: { detected: { state: string } } }[];
const found = (rows: Rows): number => rows.filter((row) => row.report.detected.state === "found").length;

function installedOn(rows: Rows): string {
  const names = rows.filter((row) => row.report.detected.state === "found").map((row) => row.name);
  if (names.length === 0) return "not installed";
  return names.length > 3 ? `installed on ${names.length} hosts` : `installed on ${names.join(", ")}`;
}
