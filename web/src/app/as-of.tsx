/** Numbers that can no longer be believed are dimmed, and say when they were true. Comes and goes by itself. */
import type { ReactNode } from "react";
import { staleSince, type Known } from "../fleet/freshness.ts";
import { At, useClock, useNow } from "../ui/parts.tsx";
import { useFleet } from "./fleet-context.tsx";

/** How fresh something is that the page fetched by itself; without it, the lists of the fleet. */
export type Fetched = Pick<Known, "load" | "fetchedAtMs">;

function useStaleSince(fetched?: Fetched): number | undefined {
  const fleet = useFleet();
  const wallMs = useNow(1_000);
  const monotonicMs = useClock(1_000);
  return staleSince({ ...fleet, ...fetched }, { wallMs, monotonicMs });
}

/** Around everything that comes from the lists. */
export function Dimmed({ className = "", fetched, children }: { className?: string; fetched?: Fetched | undefined; children: ReactNode }) {
  const stale = useStaleSince(fetched) !== undefined;
  return <div className={`${className}${stale ? " stale" : ""}`}>{children}</div>;
}

/** Under a page's heading, in the place of what the page is about: nothing below it moves. */
export function AsOfOr({ about, fetched }: { about: ReactNode; fetched?: Fetched | undefined }) {
  const since = useStaleSince(fetched);
  if (since === undefined) return about === undefined ? null : <p>{about}</p>;
  return (
    <p className="as-of" role="status" data-testid="as-of">
      As of <At ms={since} />: the control plane does not answer. {fetched === undefined ? "Sessions" : "Tasks"} go on without it.
    </p>
  );
}

/** The same in the tree's narrow heading. */
export function AsOfShort() {
  const since = useStaleSince();
  if (since === undefined) return null;
  return (
    <span className="as-of" data-testid="tree-as-of">
      as of {new Date(since).toLocaleTimeString()}
    </span>
  );
}
