/** What the control plane is told of attempts without being asked. [TK3] */
import { PAGE_BYTES } from "@maestro/shared/limits";
import type { HostFrame } from "@maestro/shared/protocol/link";
import { pages } from "../link/pages.ts";
import type { Entry } from "./attempt-entry.ts";
import { reportOn, type AttemptRoster } from "./attempt-roster.ts";

const MAX_PAGE_REPORTS = 100;

export class AttemptTelling {
  readonly #roster: AttemptRoster;
  readonly #send: (frame: HostFrame) => void;
  /** What was told of those that run. */
  readonly #told = new Map<string, string>();

  constructor(roster: AttemptRoster, send: (frame: HostFrame) => void) {
    this.#roster = roster;
    this.#send = send;
  }

  tell(entry: Entry): void {
    this.#send({ t: "task.status", report: reportOn(entry) });
  }

  /** [LK3] After each `welcome`: everything that the control plane has not acknowledged the end of. */
  everything(): HostFrame[] {
    this.#told.clear();
    const [first = [], ...rest] = pages(this.#roster.all().map(reportOn), PAGE_BYTES, MAX_PAGE_REPORTS);
    return [first, ...rest].map((items, index) => ({ t: "attempts" as const, items, first: index === 0, more: index < rest.length }));
  }

  /** [LK8] Only what differs from what was told. */
  tellUsage(): void {
    for (const entry of this.#roster.all()) {
      if (entry.state.type !== "live") continue;
      const report = reportOn(entry);
      const text = JSON.stringify(report);
      if (this.#told.get(entry.attempt) === text) continue;
      this.#told.set(entry.attempt, text);
      this.#send({ t: "task.status", report });
    }
  }
}
