/** Takes pictures of the task pages in every state, and prints what the browser complained about. `node web/dev/look-tasks.ts <login url> <out dir> [dark|light] [label…]` */
import type { Page } from "playwright-core";
import { labels, onEachScreen, origin, url } from "./pictures.ts";

const ID = "tsk_01k9z3x5v7t1q8r4m2n6p0w5";
const PAGES: Record<string, { path: string; act?: (page: Page) => Promise<unknown> }> = {
  tasks: { path: "/tasks" },
  "tasks-none": { path: "/tasks?status=completed&q=zebra" },
  "task-running": { path: `/tasks/${ID}01` },
  "task-retried": { path: `/tasks/${ID}02` },
  "task-log": { path: `/tasks/${ID}02`, act: (page) => page.getByTestId("log").scrollIntoViewIfNeeded() },
  "task-failed": { path: `/tasks/${ID}03` },
  "task-several": { path: `/tasks/${ID}04` },
  "task-blocked": { path: `/tasks/${ID}06` },
  "task-backoff": { path: `/tasks/${ID}08` },
  "task-cancelling": { path: `/tasks/${ID}10` },
  "task-unknown": { path: `/tasks/${ID}11` },
  "task-gone": { path: "/tasks/tsk_nowhere" },
  search: {
    path: `/tasks/${ID}01`,
    act: async (page) => {
      await page.getByLabel("Search the log").fill("bundle 599");
      await page.getByLabel("Search the log").press("Enter");
      await page.getByTestId("log").scrollIntoViewIfNeeded();
    },
  },
  queue: { path: "/queue" },
  "queue-running": { path: "/queue?show=processing" },
  dispatch: { path: "/tasks", act: (page) => page.getByRole("button", { name: "Dispatch a task" }).click() },
  "dispatch-wrong": {
    path: "/tasks",
    act: async (page) => {
      await page.getByRole("button", { name: "Dispatch a task" }).click();
      await page.getByText("Command", { exact: true }).click();
      await page.getByRole("textbox", { name: "Command" }).fill("npm test | tee 'out");
      await page.getByText("Priority, time, dependencies, model").click();
      await page.getByLabel("Timeout").fill("soon");
      await page.getByRole("button", { name: "Dispatch", exact: true }).click();
    },
  },
  "dispatch-refused": {
    path: "/tasks",
    act: async (page) => {
      await page.getByRole("button", { name: "Dispatch a task" }).click();
      await page.getByRole("textbox", { name: "Prompt" }).fill("Do it.");
      await page.getByRole("checkbox").first().check();
      await page.getByRole("button", { name: "Dispatch", exact: true }).click();
    },
  },
  cancel: { path: `/tasks/${ID}01`, act: (page) => page.getByRole("button", { name: "Cancel task" }).click() },
};

await onEachScreen(async ({ name, width, page, shot }) => {
  await page.goto(url);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  for (const [label, { path, act }] of Object.entries(PAGES)) {
    if (labels.length > 0 && !labels.includes(label)) continue;
    await page.goto(origin + path);
    await page.waitForTimeout(900);
    await act?.(page).catch((error: unknown) => console.log(`${name} ${label}: ${String(error).slice(0, 300)}`));
    await page.waitForTimeout(act === undefined ? 0 : 500);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) console.log(`${name} ${label}: ${wide} px wide`);
    await shot(label);
  }
});
