/** What runs now, what needs a look, and the way to start something. */
import type { Host, Session } from "@maestro/shared/contract/resources";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { useFleet } from "../app/fleet-context.tsx";
import { Link } from "../app/link.tsx";
import { NewSession } from "../app/new-session.tsx";
import { may } from "../app/may.ts";
import { Page } from "../app/page.tsx";
import { sessionPath } from "../app/router.ts";
import { sessionTone } from "../fleet/tree.ts";
import { awayOf } from "../remote/words.ts";
import { endText } from "../terminal/end-text.ts";
import { Icon } from "../ui/icons.tsx";
import { Ago, Dot, Empty } from "../ui/parts.tsx";
import { QuickStart } from "./quick-start.tsx";
import { AwayWords } from "../remote/away.tsx";
import { RemoteTag } from "../remote/badges.tsx";

const RECENT_ENDED = 8;

export function OverviewPage() {
  const fleet = useFleet();
  const running = fleet.sessions
    .filter((session) => session.status !== "ended")
    .toSorted((a, b) => b.lastActivityAt.localeCompare(a.lastActivityAt));
  const ended = fleet.sessions
    .filter((session) => session.status === "ended")
    .toSorted((a, b) => (b.end?.atMs ?? 0) - (a.end?.atMs ?? 0))
    .slice(0, RECENT_ENDED);
  const trouble = fleet.hosts.filter((host) => isTrouble(host, fleet.hosts));
  const online = fleet.hosts.filter((host) => host.status === "online" && host.locked === undefined).length;

  return (
    <Page
      title="Overview"
      about={
        fleet.hosts.length === 0
          ? undefined
          : `${count(running.length, "session")} · ${online} of ${count(fleet.hosts.length, "host")} online`
      }
      actions={fleet.hosts.length > 0 && may(fleet.me, "operator") ? <NewSession /> : undefined}
      unread="The fleet could not be read"
    >
      {trouble.length > 0 && (
        <div className="stack tight">
          {trouble.map((host) => (
            <Trouble key={host.id} host={host} />
          ))}
        </div>
      )}
      {fleet.hosts.length === 0 ? (
        <Empty
          title="No machine yet"
          actions={
            <Link to="/hosts" className="button primary">
              Add a machine
            </Link>
          }
        >
          Maestro runs agents on machines that join your fleet with one pasted line. Nothing has to be opened to the outside.
        </Empty>
      ) : (
        <QuickStart />
      )}
      {fleet.hosts.length > 0 && (
        <section className="section">
          <div className="head">
            <h2>Sessions</h2>
          </div>
          {running.length === 0 ? (
            <Empty title="Nothing runs">Open a shell or start an agent; it keeps running when you close this page.</Empty>
          ) : (
            <Sessions sessions={running} />
          )}
        </section>
      )}
      {ended.length > 0 && (
        <section className="section">
          <div className="head">
            <h2>Ended lately</h2>
          </div>
          <Sessions sessions={ended} />
        </section>
      )}
    </Page>
  );
}

function Sessions({ sessions }: { sessions: readonly Session[] }) {
  const fleet = useFleet();
  return (
    <ul className="rows sessions card">
      {sessions.map((session) => (
        <li key={session.id}>
          <div className="row">
            <Dot tone={sessionTone(session)} label={session.status} />
            <div className="two">
              <Link to={sessionPath(session.id)} className="main-link cut">
                {stripUnsafe(session.name)}
              </Link>
              <span className="muted small cut">
                {session.end === undefined ? stripUnsafe(session.title) || stripUnsafe(session.command) : endText(session.end)}
              </span>
            </div>
          </div>
          <div className="two wide-only">
            <span className="row">
              <span className="cut">{session.host.name}</span>
              <RemoteTag host={fleet.hosts.find(({ id }) => id === session.host.id)} />
            </span>
            <span className="muted small mono cut">{stripUnsafe(session.cwd)}</span>
          </div>
          <div className="wide-only row">
            {session.agent !== undefined && (
              <span className="tag">
                <span className="cut">{session.agent.name}</span>
              </span>
            )}
          </div>
          <span className="muted small right">
            <Ago at={session.lastActivityAt} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** A remote host that was never reached is trouble once a test has said why. */
function isTrouble(host: Host, hosts: readonly Host[]): boolean {
  if (host.locked !== undefined) return true;
  if (host.enabled === false) return false;
  return host.status === "lost" || host.status === "stale" || awayOf(host, hosts)?.why === "check";
}

function Trouble({ host }: { host: Host }) {
  const fleet = useFleet();
  const away = awayOf(host, fleet.hosts);
  return (
    <div className={host.locked !== undefined || host.status === "lost" ? "banner line danger" : "banner line warn"} role="status">
      <Icon name={host.locked !== undefined ? "lock" : "warning"} />
      <div className="grow">
        {host.locked !== undefined ? (
          <p>
            <strong>{host.name}</strong> is locked: two machines used its identity.
          </p>
        ) : away !== undefined ? (
          <p>
            <strong>{host.name}</strong> cannot be reached. <AwayWords away={away} />
          </p>
        ) : (
          <p>
            <strong>{host.name}</strong> {host.status === "lost" ? "has not been heard of" : "is not answering"}
            {host.lastSeenAt !== undefined && (
              <>
                ; last seen <Ago at={host.lastSeenAt} />
              </>
            )}
            .
          </p>
        )}
      </div>
      <Link to="/hosts" className="button small">
        Look
      </Link>
    </div>
  );
}

const count = (n: number, thing: string): string => `${n} ${thing}${n === 1 ? "" : "s"}`;
