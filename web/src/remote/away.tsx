/** Why a remote host cannot be used now: what its last test said, where a linked one would say since when. */
import type { Host } from "@maestro/shared/contract/resources";
import { useFleet } from "../app/fleet-context.tsx";
import { awayOf, type Away } from "./words.ts";
import { Icon } from "../ui/icons.tsx";
import { Ago } from "../ui/parts.tsx";

export function RemoteAway({ host }: { host: Host }) {
  const fleet = useFleet();
  const away = awayOf(host, fleet.hosts);
  if (away === undefined || away.why === "off" || host.locked !== undefined) return null;
  return (
    <div className={away.why === "check" ? "banner danger away-why" : "banner warn away-why"} role="status">
      <Icon name="warning" />
      <p className="grow">
        <AwayWords away={away} />
      </p>
    </div>
  );
}

/** The same in a sentence about something else: nothing, unless there is a reason to tell. */
export function AwayReason({ host }: { host: Host | undefined }) {
  const fleet = useFleet();
  const away = host === undefined ? undefined : awayOf(host, fleet.hosts);
  if (away === undefined || away.why === "unknown" || away.why === "untested") return null;
  return (
    <>
      {" "}
      <AwayWords away={away} />
    </>
  );
}

export function AwayWords({ away }: { away: Away }) {
  switch (away.why) {
    case "off":
      return "It is switched off.";
    case "carrier":
      return `${away.name}, which reaches it, is away itself.`;
    case "check":
      return (
        <>
          {away.error}{" "}
          <span className="muted">
            (tested <Ago at={away.at} />)
          </span>
        </>
      );
    case "untested":
      return "Nothing has reached it yet. A test tells why.";
    case "unknown":
      return (
        <>
          It is not connected
          {away.since !== undefined && (
            <>
              ; last seen <Ago at={away.since} />
            </>
          )}
          . A test tells why.
        </>
      );
  }
}
