/** A machine has just joined: whether it answers, and the next step on it. */
import type { Host } from "@maestro/shared/contract/resources";
import { useFleet } from "../app/fleet-context.tsx";
import { may } from "../app/may.ts";
import { useAction } from "../app/use-action.ts";
import { Icon } from "../ui/icons.tsx";
import { Problem } from "../ui/parts.tsx";
import { HostSteps } from "./host-steps.tsx";

export function JoinedHost({ host }: { host: Host }) {
  const fleet = useFleet();
  const action = useAction();
  const clis = fleet.types.filter(
    (type) => type.adapter !== "shell" && type.hosts.some((row) => row.host === host.id && row.report.detected.state === "found"),
  ).length;
  return (
    <div className="banner ok">
      <Icon name="check" />
      <div className="stack tight grow">
        <p>
          <strong>{host.name} has joined.</strong>{" "}
          <span className="muted">
            {host.status !== "online"
              ? "Waiting for its daemon to dial in…"
              : `It is online${clis === 0 ? "" : `, with ${clis} agent ${clis === 1 ? "CLI" : "CLIs"}`}. Next:`}
          </span>
        </p>
        {may(fleet.me, "operator") && (
          <div className="row wrap">
            <HostSteps host={host} action={action} primary />
          </div>
        )}
        {action.error !== undefined && <Problem error={action.error} />}
      </div>
    </div>
  );
}
