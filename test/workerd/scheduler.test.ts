/** The Scheduler on its storage, with real relays and hosts that are only as good as told. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { taskFleet, type TaskFleet } from "./support/task-fleet.ts";

let world: TaskFleet;
beforeEach(async () => {
  world = await taskFleet();
});

describe("[TK1] a task", () => {
  test("is offered, started, ended and told of, each once", async () => {
    const builder = await world.join("builder");
    const id = await world.submit({ prompt: undefined, command: ["make"] });
    const offer = await builder.asked("task.offer");
    const start = await builder.asked("task.start");
    expect(start).toMatchObject({ attempt: offer["attempt"], fence: offer["fence"] });
    expect(offer["spec"]).toMatchObject({ task: id, command: ["make"], n: 1, fence: 1 });
    await world.until(id, "running");
    const attempt = String(start["attempt"]);
    builder.end(attempt, { result: "made" });
    await builder.acked(attempt);
    const ended = await world.until(id, "completed");
    expect(ended).toMatchObject({ exitCode: 0, result: "made", attempts: [{ id: attempt, status: "completed", n: 1 }] });
    await expect
      .poll(async () =>
        (await env.FEED.getByName(world.fleet.id).events("0", 100)).items
          .map(({ type }) => type)
          .filter((type) => type.startsWith("task.")),
      )
      .toEqual(["task.created", "task.started", "task.finished"]);
  });
});
