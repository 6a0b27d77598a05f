/** What is known of a machine, line by line. */
import type { ReactNode } from "react";
import type { Host } from "@maestro/shared/contract/resources";
import { placeWords } from "../remote/words.ts";
import { Ago } from "../ui/parts.tsx";

export function HostFacts({ host }: { host: Host }) {
  const { platform, metrics, transport } = host;
  const isRemote = transport !== "link";
  return (
    <dl className="facts">
      {isRemote && (
        <>
          <Fact name="Address">
            <span className="mono">{placeWords(host)}</span>
            {host.identity !== undefined && <span className="muted mono"> · {host.identity}</span>}
          </Fact>
          {host.cwd !== undefined && (
            <Fact name="Works in">
              <span className="mono">{host.cwd}</span>
            </Fact>
          )}
          {/* Why it is away stands above. */}
          {(host.lastCheck?.ok !== false || host.status === "online") && (
            <Fact name="Last test">
              <LastCheck host={host} />
            </Fact>
          )}
        </>
      )}
      <Fact name="System">
        {platform === undefined
          ? "not reported yet"
          : `${platform.os} ${platform.release} · ${platform.arch} · ${platform.cpus}\u00a0CPUs · ${Math.round(platform.memoryBytes / 2 ** 30)}\u00a0GiB`}
      </Fact>
      <Fact name="Terminals">
        {host.sessions} {host.sessions === 1 ? "session" : "sessions"}
        {platform !== undefined &&
          (platform.tmux === undefined ? ` · no tmux${isRemote ? "" : ", sessions use a PTY"}` : ` · tmux ${platform.tmux}`)}
      </Fact>
      <Fact name="Seen">
        {host.lastSeenAt === undefined ? "never" : <Ago at={host.lastSeenAt} />}
        {host.agentVersion !== undefined && !isRemote && <span className="muted"> · version {host.agentVersion}</span>}
      </Fact>
      {metrics !== undefined && host.status === "online" && host.locked === undefined && (
        <Fact name="Load">
          <div className="meters">
            <Meter name="CPU" value={metrics.cpu} />
            <Meter name="Memory" value={metrics.memory} />
            <Meter name="Disk" value={metrics.disk} />
          </div>
        </Fact>
      )}
    </dl>
  );
}

function LastCheck({ host: { lastCheck } }: { host: Host }) {
  if (lastCheck === undefined) return <span className="muted">never</span>;
  return (
    <>
      <span className={lastCheck.ok ? "said ok" : "said danger"}>{lastCheck.ok ? "ready for work" : "failed"}</span>
      <span className="muted">
        {" "}
        · <Ago at={lastCheck.at} />
      </span>
      {lastCheck.error !== undefined && <div className="broken">{lastCheck.error}</div>}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Meter({ name, value }: { name: string; value: number }) {
  return (
    <span className="meter">
      {name}
      <progress max={1} value={value} aria-label={name} />
      {Math.round(value * 100)}%
    </span>
  );
}
