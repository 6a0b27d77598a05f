/** What a link asks of tasks and their logs, whichever machine they run on. */
import { maestroError } from "@maestro/shared/errors";
import { err } from "@maestro/shared/result";
import type { HostTasks } from "../link/dispatch.ts";
import { parseSpec } from "./attempt-files.ts";
import type { Attempts } from "./attempts.ts";
import type { LogShipper } from "./log-shipper.ts";

export interface RunningTasks extends HostTasks {
  /** The attempt that works in this directory or below it. */
  workingIn(dir: string): string | undefined;
  /** Until aborted; what runs goes on. */
  run(signal: AbortSignal): Promise<void>;
}

export function linkedTasks(attempts: Attempts, logs: LogShipper): RunningTasks {
  return {
    async offer({ attempt, fence, spec: inline }, blob) {
      const spec = inline ?? (blob === undefined ? undefined : parseSpec(new TextDecoder().decode(blob)));
      if (spec === undefined)
        return err(maestroError("field_invalid", "The offer has no spec that this host understands.", { field: "spec" }));
      return attempts.offer(attempt, fence, spec);
    },
    start: (frame) => attempts.start(frame),
    cancel: (frame) => attempts.cancel(frame),
    cleanup: (frame) => attempts.cleanup(frame),
    ack: (frame) => attempts.ack(frame),
    secrets: (frame) => attempts.secrets(frame),
    reports: () => attempts.reports(),
    workingIn: (dir) => attempts.workingIn(dir),
    logDurable: ({ attempt, offset }) => logs.durable(attempt, offset),
    logNeed: ({ attempt, from }) => logs.need(attempt, from),
    logFollow: ({ attempt, follow }) => logs.follow(attempt, follow),
    linkUp(link) {
      logs.linkUp(link);
      attempts.linkUp();
    },
    linkDown() {
      logs.linkDown();
      attempts.linkDown();
    },
    seen: () => attempts.renewLeases(),
    drained: () => attempts.drained(),
    async run(signal) {
      await attempts.run(signal);
      logs.stop();
    },
  };
}
