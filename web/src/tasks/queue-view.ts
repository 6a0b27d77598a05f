/** The queue as the page asks for it: what waits, what runs or what has ended. */
import type { FleetEvent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Queue, TaskState } from "@maestro/shared/contract/tasks";
import type { Result } from "@maestro/shared/result";
import { call, type ApiError } from "../api/client.ts";
import type { LiveSource } from "../fleet/live.ts";
import { STATUS_GROUPS } from "./filters.ts";

export const SHOWS = ["waiting", "processing", "completed"] as const;
export type Show = (typeof SHOWS)[number];
export const showOf = (search: string): Show => SHOWS.find((show) => show === new URLSearchParams(search).get("show")) ?? "waiting";

export interface QueuePart extends Queue {
  show: Show;
}

const LIMIT = 100;
const EVERY_MS = 5_000;

export class QueueView implements LiveSource<QueuePart> {
  #show: Show;

  constructor(show: Show) {
    this.#show = show;
  }

  /** @returns whether it has to be fetched again. */
  turnTo(show: Show): boolean {
    if (show === this.#show) return false;
    this.#show = show;
    return true;
  }

  async fetch(): Promise<Result<QueuePart, ApiError>> {
    const show = this.#show;
    const answer = await call(ROUTES.queue, { query: { show, limit: String(LIMIT) } });
    return answer.ok ? { ok: true, value: { ...answer.value, show } } : answer;
  }

  /** Hosts that come, go or drain change what may run. */
  concerns(event: FleetEvent): boolean {
    return event.type.startsWith("task.") || event.type.startsWith("host.");
  }

  everyMs(): number {
    return EVERY_MS;
  }
}

/** How many are in one of these states. */
export const countOf = (counts: Queue["counts"], states: readonly TaskState[]): number =>
  states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);

export const tally = (counts: Queue["counts"]): { waiting: number; running: number; completed: number; failed: number } => ({
  waiting: countOf(counts, STATUS_GROUPS.waiting),
  running: countOf(counts, STATUS_GROUPS.running),
  completed: countOf(counts, STATUS_GROUPS.completed),
  failed: countOf(counts, STATUS_GROUPS.failed),
});
