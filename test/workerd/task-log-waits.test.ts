/** [LG3] A log that is followed before there is one: it comes with the first attempt, or does not come at all. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";
import { configOf } from "../../control-plane/src/config.ts";
import type { NewTarget } from "../../control-plane/src/domain/tasks/calls.ts";
import { call, refusal } from "./access-fleet.ts";
import { bytesOf, logFixture, sha256Of } from "./support/log-fixture.ts";
import { ADA, ANYBODY, taskFleet, type TaskFleet, type TaskHost } from "./support/task-fleet.ts";

let world: TaskFleet;
beforeEach(async () => {
  world = await taskFleet();
});
afterEach(async () => {
  (await configOf(env)).timeScale = 1;
});

const agentOn = (host: { id: string; name: string }, name: string): NewTarget => ({
  kind: "agent",
  agent: { id: `agt_${name}`, name, type: "shell", workspace: "/tmp/w", args: [], env: {} },
  host,
});

const follow = (task: string, more = ""): Promise<Response> =>
  call(`/api/v1/tasks/${task}/log?follow=true${more}`, { token: world.fleet.owner.token });

/** Once so many wait in the Scheduler. */
async function waited(count = 1): Promise<void> {
  await expect.poll(() => runInDurableObject(world.scheduler(), (_scheduler, state) => state.getWebSockets("log").length)).toBe(count);
}

async function writes(host: TaskHost, attempt: string, text: string): Promise<void> {
  const log = logFixture({ fleet: world.fleet.id, host: host.host.id, attempt });
  await log.stub.append(0, bytesOf(text));
  await log.stub.end({ bytes: text.length, sha256: await sha256Of(text) }, { status: "completed", exitCode: 0 });
}

describe("[LG3] a followed log of a task that has not begun", () => {
  test("[LG3] comes once its first attempt does, also after an eviction of the Scheduler", async () => {
    const id = await world.submit();
    const answer = follow(id);
    await waited();
    await world.evict();
    const builder = await world.join("builder");
    const attempt = String((await builder.asked("task.start"))["attempt"]);
    await writes(builder, attempt, "hello\n");
    const log = await answer;
    expect([log.status, await log.text()]).toEqual([200, "hello\n"]);
    expect(log.headers.get("content-disposition")).toContain(attempt);
  });

  test("[LG3] of one of its agents waits for that agent's attempt, whoever else has begun", async () => {
    const builder = await world.join("builder");
    const other = await world.join("other");
    const blocker = await world.submit({}, [agentOn(other.host, "slow")]);
    const slow = String((await other.asked("task.start"))["attempt"]);
    await world.until(blocker, "running");
    const id = await world.submit({}, [agentOn(builder.host, "quick"), agentOn(other.host, "slow")]);
    const answer = follow(id, "&agent=slow");
    await builder.asked("task.start");
    await waited();
    other.end(slow);
    const attempt = String((await other.asked("task.start"))["attempt"]);
    await writes(other, attempt, "slowly\n");
    expect(await (await answer).text()).toBe("slowly\n");
    await refusal(follow(id, "&agent=nobody"), "agent_not_found");
  });

  test("[LG3] that is cancelled before: there is none", async () => {
    const id = await world.submit();
    const answer = follow(id);
    await waited();
    await world.scheduler().cancel(id, ANYBODY, ADA, "Not wanted any more.");
    const told = {
      detail: `Task '${id}' ended as cancelled without having run: Not wanted any more.`,
      hint: `maestro task status ${id} shows it.`,
    };
    expect(await refusal(answer, "log_not_found")).toMatchObject(told);
    expect(await refusal(follow(id), "log_not_found")).toMatchObject(told);
    expect(await refusal(call(`/api/v1/tasks/${id}/log`, { token: world.fleet.owner.token }), "log_not_found")).toMatchObject(told);
  });

  test("[LG3] ends without a byte when nothing came for long: the reader comes again", async () => {
    const id = await world.submit();
    (await configOf(env)).timeScale = 0.001;
    const answer = await follow(id, "&offset=7");
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
    expect([answer.headers.get(LOG_HEADERS.start), answer.headers.get(LOG_HEADERS.complete)]).toEqual(["7", "false"]);
    await waited(0);
  });

  test("[LG3] without `follow`, out of reach, or asked for nonsense, is refused at once", async () => {
    const id = await world.submit();
    await refusal(call(`/api/v1/tasks/${id}/log`, { token: world.fleet.owner.token }), "log_not_found");
    await refusal(follow("nothing"), "task_not_found");
    expect(await refusal(follow(id, "&offset=1&tailLines=1"), "field_invalid")).toMatchObject({ field: "tailLines" });
  });
});
