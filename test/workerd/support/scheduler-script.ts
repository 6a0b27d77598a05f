/** A Scheduler that writes down what relays tell it and answers by script: the other end of a relay's part in tasks. */
import { afterEach, beforeEach } from "vitest";
import type { AttemptReport } from "@maestro/shared/protocol/tasks";
import type { AttemptOwner } from "../../../control-plane/src/domain/tasks/calls.ts";
import { Scheduler } from "../../../control-plane/src/objects/scheduler.ts";

type Told =
  | { call: "hostUp"; host: Record<string, unknown> }
  | { call: "hostAttempts"; link: string; items: AttemptReport[]; first: boolean; more: boolean }
  /** `together`: of the call that brought it. */
  | { call: "attemptStatus"; report: AttemptReport; together: number }
  | { call: "hostDown"; link: string; seenMs: number; heard: boolean | undefined }
  | { call: "hostChanged"; change: Record<string, unknown> }
  | { call: "hostRemoved"; host: string };

export interface SchedulerScript {
  told: Told[];
  /** So many calls fail, as those of an object that is being moved. */
  failing: number;
  /** What it is told of attempts it answers after this. */
  slow: Promise<void>;
  /** Ends that are stored, unless told otherwise. */
  ack: (report: AttemptReport) => { ack: boolean; unknown?: boolean };
  owners: Map<string, AttemptOwner>;
  secretsOf: (host: string, attempt: string, fence: number) => { task: string; sealed: Record<string, string> } | undefined;
  calls(): string[];
  of<C extends Told["call"]>(call: C): Extract<Told, { call: C }>[];
}

const ended = ({ status }: AttemptReport): boolean => status.state === "ended";

/** For each test of the file. */
export function schedulerScript(): SchedulerScript {
  const script: SchedulerScript = {
    told: [],
    failing: 0,
    slow: Promise.resolve(),
    ack: (report) => ({ ack: ended(report) }),
    owners: new Map(),
    secretsOf: () => undefined,
    calls: () => script.told.map(({ call }) => call),
    of: (call) => script.told.filter((told): told is Extract<Told, { call: typeof call }> => told.call === call),
  };
  const take = (told: Told): void => {
    if (script.failing > 0) {
      script.failing -= 1;
      throw new Error("the Scheduler is being moved");
    }
    script.told.push(told);
  };
  const methods = {
    hostUp: (host: Record<string, unknown>) => Promise.resolve(take({ call: "hostUp", host })),
    hostAttempts: (_host: string, link: string, items: AttemptReport[], first: boolean, more: boolean) => {
      take({ call: "hostAttempts", link, items, first, more });
      const acked = items.flatMap((report) => {
        const { ack, unknown } = script.ack(report);
        return ack ? [{ attempt: report.attempt, fence: report.fence, ...(unknown === undefined ? {} : { unknown }) }] : [];
      });
      return Promise.resolve({ acked });
    },
    attemptStatuses: async (_host: string, reports: AttemptReport[]) => {
      for (const report of reports) take({ call: "attemptStatus", report, together: reports.length });
      await script.slow;
      return reports.map((report) => script.ack(report));
    },
    hostDown: (_host: string, link: string, seenMs: number, heard?: boolean) =>
      Promise.resolve(take({ call: "hostDown", link, seenMs, heard })),
    hostChanged: (_host: string, change: Record<string, unknown>) => Promise.resolve(take({ call: "hostChanged", change })),
    hostRemoved: (host: string) => Promise.resolve(take({ call: "hostRemoved", host })),
    attempt: (id: string) => {
      const owner = script.owners.get(id);
      return Promise.resolve(
        owner === undefined
          ? { ok: false, error: { code: "attempt_not_found", detail: `No attempt '${id}'.` } }
          : { ok: true, value: owner },
      );
    },
    secretsOf: async (host: string, attempt: string, fence: number) => script.secretsOf(host, attempt, fence),
    attemptFor: () => {
      const [owner] = script.owners.values();
      return Promise.resolve(
        owner === undefined ? { ok: false, error: { code: "log_not_found", detail: "It has not begun." } } : { ok: true, value: owner },
      );
    },
  };
  const own = new Map<string, PropertyDescriptor | undefined>();
  beforeEach(() => {
    Object.assign(script, {
      told: [],
      failing: 0,
      slow: Promise.resolve(),
      ack: (report: AttemptReport) => ({ ack: ended(report) }),
      owners: new Map(),
      secretsOf: () => undefined,
    });
    for (const [name, value] of Object.entries(methods)) {
      own.set(name, Object.getOwnPropertyDescriptor(Scheduler.prototype, name));
      Object.defineProperty(Scheduler.prototype, name, { value, configurable: true, writable: true });
    }
  });
  afterEach(() => {
    for (const [name, before] of own)
      if (before === undefined) Reflect.deleteProperty(Scheduler.prototype, name);
      else Object.defineProperty(Scheduler.prototype, name, before);
  });
  return script;
}
