/** [VR2] Hosts of an earlier version: what they would leave out without a word is not given to them. */
import { expect, test } from "vitest";
import type { Waiting } from "@maestro/shared/contract/tasks";
import { refusal } from "./access-fleet.ts";
import { linkUp } from "./support/linked-fleet.ts";
import { workingFleet } from "./support/working-fleet.ts";

const image = { data: btoa("\x89PNG\r\n\x1a\n and more") };

test("a host that does not know it is not asked; what anybody knows it does, and the rest once it is upgraded", async () => {
  const { api, host, link, submit, detail } = await workingFleet();
  const dial = async (hello?: object) => {
    const dialled = await linkUp(host, [], hello);
    dialled.answers.set("task.offer", ({ attempt }) => ({ answer: "accepted", attempt }));
    dialled.answers.set("task.start", () => ({
      status: { state: "running", startedMs: Date.now(), pid: 7, workspace: "/w", logBytes: 0 },
    }));
    dialled.say({ t: "attempts", items: [], first: true, more: false });
    return dialled;
  };
  link.close();
  // As one of before these capabilities says it.
  const old = await dial({ capabilities: ["git", "tasks:9"] });
  const post = (body: object) => api("/api/v1/tasks", { body });
  await expect.poll(async () => (await post({ prompt: "look", to: ["rev"], images: [image] })).status).toBe(426);
  const refused = await refusal(post({ prompt: "look", to: ["rev"], images: [image] }), "upgrade_required");
  expect(refused).toMatchObject({
    field: "images",
    detail: expect.stringContaining("'builder'"),
    hint: expect.stringContaining("Upgrade"),
  });
  expect(await refusal(post({ prompt: "look", to: ["rev"], permissions: "plan" }), "upgrade_required")).toMatchObject({
    field: "permissions",
  });
  expect(await refusal(post({ command: ["true"], to: ["rev"], container: "box" }), "upgrade_required")).toMatchObject({
    field: "container",
  });

  const inside = await submit({ command: ["true"], on: { host: "builder" }, container: "box" });
  const plain = await submit({ command: ["true"], on: { host: "builder" } });
  const askedFor = (by: typeof old) => by.asked.flatMap(({ t, spec }) => (t === "task.offer" ? [(spec as { task: string }).task] : []));
  await expect.poll(() => askedFor(old)).toEqual([plain.id]);
  const { waiting } = (await detail(inside.id)) as { waiting?: Waiting };
  expect(waiting).toMatchObject({ code: "no_capable_host", detail: expect.stringContaining("container") });

  old.close();
  const next = await dial();
  await expect.poll(() => askedFor(next)).toContain(inside.id);
  expect((await post({ prompt: "look", to: ["rev"], images: [image] })).status).toBe(201);
});
