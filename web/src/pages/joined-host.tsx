/** A machine has just joined: whether it answers, and the next step on it. */
import { useState } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { AssignAgent } from "../app/assign-agent.tsx";
import { useFleet } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { navigate, sessionPath } from "../app/router.ts";
import { useAction } from "../app/use-action.ts";
import { openShell, usable } from "../fleet/launch.ts";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";

export function JoinedHost({ host }: { host: Host }) {
  const fleet = useFleet();
  const action = useAction();
  const [assigning, setAssigning] = useState(false);
  const clis = fleet.types.filter(
    (type) => type.adapter !== "shell" && type.hosts.some((row) => row.host === host.id && row.report.detected.state === "found"),
  ).length;
  return (
    <div className="banner ok" data-joined={host.name}>
      <Icon name="check" />
      <div className="stack tight grow">
        <p>
          <strong>{host.name} has joined.</strong>{" "}
          <span className="muted">
            {host.status !== "online"
              ? "Waiting for its daemon to dial in…"
              : `It is online${clis > 0 ? `, with ${clis} agent CLIs` : ""}. Next:`}
          </span>
        </p>
        {may(fleet.me, "operator") && (
          <div className="row wrap">
            <button
              type="button"
              className="button small primary"
              disabled={!usable(host) || action.busy}
              onClick={() =>
                action.run(
                  () => openShell(host),
                  (session) => navigate(sessionPath(session.id)),
                )
              }
            >
              <Icon name="terminal" /> Open a shell on it
            </button>
            <button type="button" className="button small" disabled={!usable(host)} onClick={() => setAssigning(true)}>
              <Icon name="agents" /> Assign an agent to it
            </button>
          </div>
        )}
        {action.error !== undefined && <Problem error={action.error} />}
      </div>
      {assigning && <AssignAgent host={host.id} onClose={() => setAssigning(false)} />}
    </div>
  );
}
