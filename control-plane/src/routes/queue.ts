/** [SKILL22] The queue across agents: what waits, why, and what runs where. */
import type { Queue } from "@maestro/shared/contract/tasks";
import { reachOf } from "../domain/access/permissions.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { schedulerOf } from "../objects/scheduler-call.ts";

type Item = Queue["items"][number];

export const queueRoutes = defineRoutes({
  async queue(rx) {
    const { agent, show } = rx.query;
    const { limit, after } = await rx.page();
    const reach = reachOf(rx.principal);
    // An empty queue is no answer to a task that is not there.
    const task = rx.query.task === undefined ? undefined : unwrap(await schedulerOf(rx).task(rx.query.task, reach)).id;
    const { nextCursor: next, ...queue }: Queue = await schedulerOf(rx).queueView({
      limit,
      reach,
      ...(after === undefined ? {} : { before: after }),
      ...(agent === undefined ? {} : { agent }),
      ...(task === undefined ? {} : { task }),
      ...(show === undefined ? {} : { show }),
    });
    return { ...queue, ...(await rx.list<Item, Item>({ rows: queue.items, next }, (item) => item)) };
  },
});
