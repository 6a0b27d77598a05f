/** The list of tasks as far as it was opened, narrowed by a filter; newest first. */
import type { FleetEvent } from "@maestro/shared/contract/resources";
import { ROUTES } from "@maestro/shared/contract/routes";
import type { Task } from "@maestro/shared/contract/tasks";
import { ok, type Result } from "@maestro/shared/result";
import { call, type ApiError } from "../api/client.ts";
import type { LiveSource } from "../fleet/live.ts";
import { apiQuery, searchOf, type TaskFilter } from "./filters.ts";

export interface TaskPages {
  /** What it was narrowed to when it was asked for. */
  filter: TaskFilter;
  items: readonly Task[];
  more: boolean;
}

const PAGE_ITEMS = 50;
/** All of it is fetched again when something happens. */
const MAX_PAGES = 10;
const EVERY_MS = 10_000;

export class TaskList implements LiveSource<TaskPages> {
  #filter: TaskFilter;
  #pages = 1;

  constructor(filter: TaskFilter) {
    this.#filter = filter;
  }

  /** @returns whether it has to be fetched again. */
  narrow(filter: TaskFilter): boolean {
    if (searchOf(filter) === searchOf(this.#filter)) return false;
    this.#filter = filter;
    this.#pages = 1;
    return true;
  }

  more(): void {
    this.#pages = Math.min(MAX_PAGES, this.#pages + 1);
  }

  async fetch(): Promise<Result<TaskPages, ApiError>> {
    const filter = this.#filter;
    const items = new Map<string, Task>();
    let cursor: string | undefined;
    for (let page = 0; page < this.#pages; page++) {
      const answer = await call(ROUTES.tasks, {
        query: { ...apiQuery(filter), limit: String(PAGE_ITEMS), ...(cursor === undefined ? {} : { cursor }) },
      });
      if (!answer.ok) return answer;
      // What is new meanwhile shifts the pages: the same task may come twice.
      for (const task of answer.value.items) items.set(task.id, task);
      cursor = answer.value.nextCursor;
      if (cursor === undefined) break;
    }
    return ok({ filter, items: [...items.values()], more: cursor !== undefined && this.#pages < MAX_PAGES });
  }

  concerns(event: FleetEvent): boolean {
    return event.type.startsWith("task.");
  }

  /** Why something waits changes without an event. */
  everyMs(): number {
    return EVERY_MS;
  }
}
