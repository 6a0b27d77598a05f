/** [SKILL22] The queue across agents: what waits, why, and what runs where. */
import type { Queue } from "@maestro/shared/contract/tasks";
import { reachOf } from "../domain/access/permissions.ts";
import { defineRoutes } from "../http/define-route.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";

type Item = Queue["items"][number];

export const queueRoutes = defineRoutes({
  async queue(rx) {
    const { agent, task, show } = rx.query;
    const { limit, after } = await rx.page();
    const { nextCursor: next, ...queue }: Queue = await schedulerOf(rx).queueView({
      limit,
      reach: reachOf(rx.principal),
      ...(after === undefined ? {} : { before: after }),
      ...(agent === undefined ? {} : { agent }),
      ...(task === undefined ? {} : { task }),
      ...(show === undefined ? {} : { show }),
    });
    return { ...queue, ...(await rx.list<Item, Item>({ rows: queue.items, next }, (item) => item)) };
  },
});
