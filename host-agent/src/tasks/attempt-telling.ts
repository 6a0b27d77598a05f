/** What the control plane is told of attempts without being asked. [TK3] */
import { PAGE_BYTES } from "@maestro/shared/limits";
import type { HostFrame } from "@maestro/shared/protocol/link";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
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
    if (entry.state.type === "ended") this.#told.delete(entry.attempt);
    this.#send({ t: "task.status", report: reportOn(entry) });
  }

  /** [LK3] After each `welcome`: everything that the control plane has not acknowledged the end of. */
  everything(): HostFrame[] {
    const reports = this.#roster.all().map(reportOn);
    this.#told.clear();
    for (const report of reports) if (isMeasured(report)) this.#told.set(report.attempt, JSON.stringify(report));
    const [first = [], ...rest] = pages(reports, PAGE_BYTES, MAX_PAGE_REPORTS);
    return [first, ...rest].map((items, index) => ({ t: "attempts" as const, items, first: index === 0, more: index < rest.length }));
  }

  /** [LK8] The first sample of each at once; then, when it is time, what differs from what was told. */
  tellUsage(isTime: boolean): void {
    for (const entry of this.#roster.all()) {
      if (entry.state.type !== "live" || (!isTime && this.#told.has(entry.attempt))) continue;
      const report = reportOn(entry);
      const text = JSON.stringify(report);
      if (this.#told.get(entry.attempt) === text || (!isTime && !isMeasured(report))) continue;
      this.#told.set(entry.attempt, text);
      this.#send({ t: "task.status", report });
    }
  }
}

const isMeasured = ({ status }: AttemptReport): boolean => status.state === "running" && status.memoryBytes !== undefined;
