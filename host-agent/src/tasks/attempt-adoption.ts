/** Takes up what an earlier process left, each attempt as its files say. [TK1] [TK3] */
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import type { AttemptEnds, EndDeps } from "./attempt-ends.ts";
import type { AttemptRoster } from "./attempt-roster.ts";
import type { LiveDeps } from "./live-attempt.ts";
import { knownSecrets } from "./log-file.ts";

export interface AdoptionDeps extends EndDeps {
  logs: LiveDeps["logs"] & EndDeps["logs"] & { close(attempt: string): void };
}

/** Before the first link. */
export function adoptAttempts(deps: AdoptionDeps, roster: AttemptRoster, ends: AttemptEnds): void {
  for (const attempt of deps.store.list()) adopt(attempt, deps, roster, ends);
}

function adopt(attempt: string, deps: AdoptionDeps, roster: AttemptRoster, ends: AttemptEnds): void {
  const { store, clock, judge, log } = deps;
  const files = store.read(attempt);
  if (files.acked && files.shipped) return;
  const { intent, spec, launch } = files;
  const standing = judge(files);
  if (standing.type === "void" || intent === undefined || spec === undefined) return store.remove(attempt);
  if (files.acked) return reopenLog(spec, deps, roster);
  const entry = roster.add(spec, intent.fence, { type: "accepted", sinceMs: clock.monotonicMs() });
  if (standing.type === "accepted") return store.unbar(attempt);
  log.info("an attempt is taken up", { attempt, standing: standing.type });
  if (standing.type === "ended") {
    entry.state = { type: "ended", end: standing.end, workspace: launch?.workspace };
    if (standing.end.log !== undefined) reopenLog(spec, deps, roster);
  } else if (standing.type === "starting") {
    ends.takeUp(entry, undefined);
  } else ends.follow(entry, standing, undefined);
}

/** Its last bytes may not have left before the daemon went. It was read to its end before that was written down: nothing is left to blot out. */
function reopenLog({ attempt, fence }: AttemptSpec, { store, logs, log }: AdoptionDeps, roster: AttemptRoster): void {
  logs.open(attempt, fence, store.paths(attempt).log, knownSecrets([]));
  logs.ended(attempt).then(
    () => {
      if (roster.get(attempt) === undefined) logs.close(attempt);
    },
    (cause: unknown) => log.warn("a log cannot be read again", { attempt, cause: String(cause) }),
  );
}
