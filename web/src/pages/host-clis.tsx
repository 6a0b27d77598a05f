/** The agent CLIs of one machine: those it has, type files it cannot read, and how to install the rest. */
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { Host } from "@maestro/shared/contract/resources";
import { useFleet } from "../app/fleet-context.tsx";
import { byFame, typeName } from "../fleet/launch.ts";
import { CopyLine } from "../ui/parts.tsx";

export function HostClis({ host }: { host: Host }) {
  const fleet = useFleet();
  const reports = fleet.types
    .flatMap((type) => type.hosts.filter((row) => row.host === host.id).map((row) => row.report))
    .filter((report) => report.adapter !== "shell")
    .toSorted(byFame);
  const found = reports.filter((report) => report.detected.state === "found");
  const invalid = reports.filter((report) => report.detected.state === "invalid");
  const missing = reports.filter((report) => report.detected.state === "missing");

  return (
    <div className="clis">
      {reports.length === 0 && (
        <span className="muted small">
          {host.status === "online" ? "Agent CLIs are being looked for…" : "Which agent CLIs it has is known once it is online."}
        </span>
      )}
      {found.length > 0 && (
        <div className="row wrap">
          {found.map((report) => (
            <span key={report.slug} className="tag ok" title={report.detected.state === "found" ? report.detected.binary : ""}>
              {typeName(report)} <span className="muted">{report.detected.state === "found" ? report.detected.version : ""}</span>
            </span>
          ))}
        </div>
      )}
      {invalid.map((report) => (
        <p key={report.slug} className="small">
          <span className="tag danger">{report.slug}</span>{" "}
          {report.detected.state === "invalid" &&
            `${report.file ?? ""}${report.detected.line === undefined ? "" : `:${report.detected.line}`} ${report.detected.problem}`}
        </p>
      ))}
      {missing.length > 0 && <Missing reports={missing} none={found.length === 0} />}
    </div>
  );
}

function Missing({ reports, none }: { reports: readonly AgentTypeReport[]; none: boolean }) {
  return (
    <details className="more">
      <summary>
        {reports.length} {none ? "agent CLIs can be installed" : "more can be installed"}
      </summary>
      <div className="stack">
        {reports.map((report) => (
          <div key={report.slug} className="field">
            <span>{typeName(report)}</span>
            {report.detected.state === "missing" && <CopyLine text={report.detected.install} label={`Installs ${typeName(report)}`} />}
          </div>
        ))}
      </div>
    </details>
  );
}
