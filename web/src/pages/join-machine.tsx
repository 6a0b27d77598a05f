/** Shows the line that joins a machine, how long it works, and the moment it has worked. */
import { useEffect, useRef, useState } from "react";
import type * as z from "zod";
import type { JoinCreated } from "@maestro/shared/contract/resources";
import { JOIN_TTL_MS } from "@maestro/shared/limits";
import { ROUTES } from "@maestro/shared/contract/routes";
import { call } from "../api/client.ts";
import { useFleet } from "../app/fleet-context.tsx";
import { StepUp } from "../app/step-up.tsx";
import { useAction } from "../app/use-action.ts";
import { Icon } from "../ui/icons.tsx";
import { CopyLine, Problem, useNow } from "../ui/parts.tsx";
import { countdown } from "../ui/relative-time.ts";
import { JoinedHost } from "./joined-host.tsx";

type Join = z.infer<typeof JoinCreated>;

export function JoinMachine({ hidden, onClose }: { hidden: boolean; onClose: () => void }) {
  const fleet = useFleet();
  const action = useAction();
  const now = useNow(1_000);
  const [join, setJoin] = useState<Join>();
  const [before] = useState(() => new Set(fleet.hosts.map((host) => host.id)));
  const asked = useRef(false);
  const make = (): void => action.run(() => call(ROUTES.hostJoinCreate, { body: {} }), setJoin);

  useEffect(() => {
    if (asked.current) return;
    asked.current = true;
    make();
  });

  const joined = fleet.hosts.filter((host) => !before.has(host.id));
  const expired = join !== undefined && Date.parse(join.expiresAt) <= now;

  return (
    <div className="stack" hidden={hidden}>
      {/* A modal that is not shown would shut the page off all the same. */}
      {!hidden && action.stepUp !== undefined && <StepUp onDone={action.stepUp.again} onClose={action.stepUp.cancel} />}
      {action.error !== undefined && <Problem error={action.error} onRetry={make} />}
      {action.busy && (
        <p className="row" role="status">
          <span className="spinner" /> Making a join line…
        </p>
      )}
      {join === undefined && !action.busy && action.error === undefined && (
        <div>
          <button type="button" className="button" onClick={make}>
            Make a join line
          </button>
        </div>
      )}
      {join !== undefined && (
        <>
          <p>
            Paste this in a terminal of the other machine. It needs curl, and Node 22.12 or newer or npm to fetch that; no port is opened.
          </p>
          <CopyLine text={join.line} label="The line that joins a machine" />
          {onlyHere(join.url) && (
            <div className="banner warn">
              <Icon name="warning" />
              <p className="grow">
                Maestro listens on this machine only, so the line works here and nowhere else. For other machines start it with
                <code className="line">maestro up --bind &lt;address&gt; --tls auto</code>
              </p>
            </div>
          )}
          <div className="stack tight" aria-live="polite">
            {joined.map((host) => (
              <JoinedHost key={host.id} host={host} />
            ))}
            {joined.length === 0 && expired && <span className="tag warn">This line has expired</span>}
            {joined.length === 0 && !expired && (
              <div className="row wrap">
                <span className="spinner" />
                <span className="grow">Waiting for the machine…</span>
                <span className="muted small">
                  works once, for {countdown(Math.min(Date.parse(join.expiresAt), now + JOIN_TTL_MS), now)} more
                </span>
              </div>
            )}
          </div>
          {join.pin !== undefined && <p className="muted small">The line pins this server's certificate, so it cannot be redirected.</p>}
          <div className="buttons">
            {(expired || joined.length > 0) && (
              <button type="button" className="button" onClick={make}>
                Another line
              </button>
            )}
            <button type="button" className="button" onClick={onClose}>
              {joined.length > 0 ? "Done" : "Close"}
            </button>
          </div>
        </>
      )}
    </div>
  );
}

/** A loopback address means another machine when it is read there. */
function onlyHere(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
