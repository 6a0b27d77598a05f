/** Marks of a host that is reached over another one. */
import type { Host } from "@maestro/shared/contract/resources";
import { reachWords, transportName } from "./words.ts";

/** The one mark that stands wherever its name does; nothing for a host that has joined. */
export function RemoteTag({ host }: { host: Host | undefined }) {
  const words = host === undefined ? undefined : reachWords(host);
  if (words === undefined) return null;
  return (
    <span className="tag accent remote-tag" title={words}>
      REMOTE
    </span>
  );
}

/** All of them, where there is room. */
export function RemoteBadges({ host }: { host: Host }) {
  const { transport, via, container = "none" } = host;
  if (transport === "link") return null;
  return (
    <div className="row wrap remote-badges">
      <RemoteTag host={host} />
      <span className="tag">{transportName(transport)}</span>
      <span className="tag">
        <span className="cut">via {via?.name ?? "a removed host"}</span>
      </span>
      {container !== "none" && (
        <span className="tag">
          <span className="cut">{container === "auto" ? "container: first running" : `container ${container}`}</span>
        </span>
      )}
      {host.sshConfig === true && <span className="tag">ssh_config</span>}
    </div>
  );
}
