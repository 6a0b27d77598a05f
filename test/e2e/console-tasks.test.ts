/** Tasks in the console: dispatched, followed, explained and cancelled in Chromium against the real product. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PHONE, journey, launchBrowser, screenshot } from "../support/browser.ts";
import { ConsoleUser, expectClean } from "../support/console.ts";
import { Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { dispatchTask, sha256, shell, taskEnds, taskShows } from "../support/tasks.ts";

const missing = lacking("chromium");

describe.skipIf(missing !== undefined)(`console: tasks${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  let browser: Browser;
  let user: ConsoleUser;
  let work: string;

  beforeAll(async () => {
    product = await Product.up();
    browser = await launchBrowser();
    user = await ConsoleUser.signIn(browser, product);
    work = product.home.directory("work");
  });
  afterAll(async () => {
    await browser?.close();
    await product[Symbol.asyncDispose]();
  });

  test(
    "a command dispatched by the dialog is followed live, through a control-plane restart, and cancelled with a reason",
    { timeout: 120_000 },
    async () => {
      const script = join(work, "ticks.sh");
      writeFileSync(script, 'i=0; while :; do i=$((i+1)); printf "\\033[32m$WORD %s\\033[0m\\n" "$i"; sleep 0.2; done\n');
      await using tab = await user.open("/tasks");
      await journey("tasks-dialog", tab, async (page) => {
        await page.getByRole("button", { name: "Dispatch a task" }).first().click();
        const dialog = page.getByRole("dialog");
        await dialog.getByText("Command", { exact: true }).click();
        await dialog.getByLabel("Command").last().fill(`/bin/sh ${script}`);
        await dialog.getByText("Repository, container, environment, keys").click();
        await dialog.getByRole("button", { name: "Add a variable" }).click();
        await dialog.getByLabel("Name of variable 1").fill("WORD");
        await dialog.getByLabel("Value of WORD").fill("tick");
        await dialog.getByRole("button", { name: "Dispatch" }).click();
        await page.waitForURL(/\/tasks\/tsk_/);
        const log = page.getByTestId("log");
        await log.getByText("tick 3", { exact: true }).waitFor();
        expect(await log.innerText()).not.toContain("[32m");
        await page.getByTestId("task").and(page.locator('[data-state="running"]')).waitFor();
        await screenshot(page, "task-running");

        await product.killAndReturn("workerd");
        const seen = Number(/tick (\d+)\s*$/.exec(await log.innerText())?.[1]);
        await log.getByText(`tick ${seen + 10}`, { exact: true }).waitFor({ timeout: 45_000 });

        await page.getByRole("button", { name: "Cancel task" }).first().click();
        await page.getByRole("dialog").getByLabel("Reason").fill("seen enough");
        await page.getByRole("dialog").getByRole("button", { name: "Cancel task" }).click();
        await page.getByTestId("task").and(page.locator('[data-state="cancelled"]')).waitFor({ timeout: 45_000 });
        await page.getByText("seen enough").first().waitFor();
        await screenshot(page, "task-cancelled");
      });
      const id = tab.page.url().split("/").at(-1) ?? "";
      expect(await taskEnds(product.api, id)).toMatchObject({ status: "cancelled", cancel: { reason: "seen enough" } });
    },
  );

  test("[SSH18] images go with a prompt: chosen or pasted, one taken back, one refused", { timeout: 120_000 }, async () => {
    const definition = {
      slug: "looker",
      argv: ["sh", "-c", 'sha256sum "$2" "$4"; echo "$#"', "looker"],
      prompt: "stdin",
      image_flag: "--image",
    };
    expect((await product.api.request("POST", "/api/v1/agent-types", definition)).status).toBe(201);
    await product.api.createAgent({ name: "eyes", type: "looker", workspace: work });
    const pngs = [1, 2, 3].map((n) => Buffer.from(`\x89PNG\r\n\x1a\nnumber ${n}`, "latin1"));
    const files = pngs.map((buffer, i) => ({ name: `picture ${i + 1}.png`, mimeType: "image/png", buffer }));
    await using tab = await user.open("/tasks");
    await journey("tasks-images", tab, async (page) => {
      await page.getByRole("button", { name: "Dispatch a task" }).first().click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("textbox", { name: "Prompt" }).fill("look");
      await dialog.getByLabel("Images").setInputFiles(files.slice(0, 2));
      await dialog.getByLabel("Images").setInputFiles([{ name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no image") }]);
      await dialog.getByRole("alert").getByText("'notes.png' is no image", { exact: false }).waitFor();
      await dialog.getByRole("button", { name: "Take back picture 1.png" }).click();
      await dialog.getByRole("textbox", { name: "Prompt" }).evaluate(
        (area, bytes) => {
          // The second before the first was read.
          for (const name of ["image.png", "again.png"]) {
            const pasted = new DataTransfer();
            pasted.items.add(new File([Uint8Array.from(bytes)], name, { type: "image/png" }));
            area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));
          }
        },
        [...(pngs[2] ?? [])],
      );
      await dialog.getByRole("button", { name: "Take back image.png" }).waitFor();
      await dialog.getByRole("button", { name: "Take back again.png" }).click();
      await screenshot(page, "dispatch-images");
      await dialog.getByRole("button", { name: "Dispatch", exact: true }).click();
      await page.waitForURL(/\/tasks\/tsk_/);
      await page.getByText("1-picture-2.png", { exact: false }).first().waitFor();
    });
    const ended = await taskEnds(product.api, tab.page.url().split("/").at(-1) ?? "");
    expect(ended).toMatchObject({ status: "completed", images: [{ name: "1-picture-2.png" }, { name: "2-image.png" }] });
    expect(ended.result?.match(/[0-9a-f]{64}/g)).toEqual([pngs[1], pngs[2]].map((bytes) => sha256(bytes ?? "")));
  });

  test("the list, the queue and a task that waits say why; on a phone too", { timeout: 120_000 }, async () => {
    const hold = join(work, "hold");
    const busy = await Promise.all(
      Array.from({ length: 4 }, () =>
        dispatchTask(product.api, {
          command: shell('while [ ! -e "$1" ]; do sleep 0.1; done', hold),
          on: {},
          description: "holds a place",
        }),
      ),
    );
    await Promise.all(busy.map(({ id }) => taskShows(product.api, id, "running", ({ status }) => status === "running")));
    const waiting = await dispatchTask(product.api, { command: ["/bin/true"], on: {}, description: "waits for its turn" });
    for (const [name, viewport] of Object.entries({ desktop: undefined, phone: { ...PHONE } })) {
      await using tab = await user.open("/tasks", viewport === undefined ? {} : { viewport });
      await journey(`tasks-list-${name}`, tab, async (page) => {
        await page.getByRole("list", { name: "Tasks" }).getByText("waits for its turn").waitFor();
        await screenshot(page, `tasks-${name}`);
        // Every state is in sight: nothing tells that a row of them could be moved.
        const states = page.getByRole("search", { name: "Tasks" }).getByRole("group", { name: "State" });
        expect(await states.evaluate((row) => row.scrollWidth - row.clientWidth)).toBeLessThanOrEqual(0);
        for (const label of ["All", "Cancelled"]) expect(await states.getByText(label, { exact: true }).isVisible()).toBe(true);
        await page.goto(`${product.url}/queue`);
        await page.getByRole("list", { name: "Queue" }).getByText("waits for its turn").waitFor();
        await page
          .getByText(/4 of 4|4 \/ 4|busy/i)
          .first()
          .waitFor();
        await screenshot(page, `queue-${name}`);
        await page.goto(`${product.url}/tasks/${waiting.id}`);
        await page.getByTestId("task").waitFor();
        await page
          .getByText(/busy|all .*places|4 of 4/i)
          .first()
          .waitFor();
        await screenshot(page, `task-waits-${name}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(wide).toBeLessThanOrEqual(0);
        expectClean(tab);
      });
    }
    writeFileSync(hold, "");
    await taskEnds(product.api, waiting.id);
    expect(existsSync(hold)).toBe(true);
  });

  test("a failed one is found by the filters, its log is searched, and it is run again", { timeout: 120_000 }, async () => {
    const mended = join(work, "mended");
    const words = 'i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo "line $i"; done; echo "the needle"; test -e "$1"';
    const failed = await dispatchTask(product.api, { command: shell(words, mended), on: {}, description: "fails at first" });
    const fine = await dispatchTask(product.api, { command: ["/bin/true"], on: {}, description: "fails never" });
    await Promise.all([failed, fine].map(({ id }) => taskEnds(product.api, id)));
    await using tab = await user.open("/tasks");
    await journey("tasks-retry", tab, async (page) => {
      const list = page.getByRole("list", { name: "Tasks" });
      await list.getByText("fails never").waitFor();
      await page.getByRole("search", { name: "Tasks" }).getByText("Failed", { exact: true }).click();
      await page.getByLabel("Search tasks").fill("FAILS");
      await page.waitForURL(/status=failed.*q=FAILS/);
      await list.getByText("fails never").waitFor({ state: "detached" });
      const came = Promise.withResolvers<void>();
      await page.route(/\/log\?/, async (route) => {
        await came.promise;
        await route.continue();
      });
      await list.getByText("fails at first").click();
      await page.getByTestId("task").and(page.locator('[data-state="failed"]')).waitFor();
      await page.getByText("exit_nonzero").first().waitFor();
      await page.getByRole("region", { name: "Usage" }).getByText("Peak memory").waitFor();

      const log = page.getByTestId("log");
      await page.getByLabel("Search the log").fill("line 7");
      await page.getByTestId("log-hits").getByText("none").waitFor();
      // What was looked for before it came is found once it is there.
      came.resolve();
      await page.getByTestId("log-hits").getByText("11 of 11").waitFor();
      await log.getByText("line 79", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Earlier match" }).click();
      await page.getByTestId("log-hits").getByText("10 of 11").waitFor();
      await page.getByLabel("Search the log").fill("haystack");
      await page.getByTestId("log-hits").getByText("none").waitFor();

      writeFileSync(mended, "");
      await page.getByRole("button", { name: "Run again" }).click();
      await page.getByTestId("task").and(page.locator('[data-state="completed"]')).waitFor();
      await page.getByRole("region", { name: "Attempts" }).getByRole("listitem").nth(1).waitFor();
      await page.getByRole("button", { name: "Run again" }).waitFor({ state: "detached" });
      expectClean(tab);
    });
  });

  test("the log of an agent's CLI reads as what it said; Raw shows what it wrote", { timeout: 120_000 }, async () => {
    const events = [
      { type: "system", subtype: "init", session_id: "s1", model: "m1" },
      { type: "assistant", session_id: "s1", message: { content: [{ type: "text", text: "I look at it.\nThen I write." }] } },
      {
        type: "assistant",
        session_id: "s1",
        message: { content: [{ type: "tool_use", name: "Write", input: { file_path: "/w/a", content: "x".repeat(40_000) } }] },
      },
      { type: "result", session_id: "s1", subtype: "error_max_turns", is_error: true, num_turns: 2 },
    ];
    const file = join(work, "events.jsonl");
    writeFileSync(file, `starting\n${events.map((event) => JSON.stringify(event)).join("\n")}\n`);
    const { id } = await dispatchTask(product.api, { command: ["cat", file], on: {}, description: "wrote events" });
    await taskEnds(product.api, id);
    await using tab = await user.open(`/tasks/${id}`);
    await journey("task-events", tab, async (page) => {
      const log = page.getByTestId("log");
      await log.getByText("= error max turns after 2 turns").waitFor();
      const lines = (await log.innerText()).trim().split(/\n+/);
      expect(lines).toEqual([
        "starting",
        "= session s1, m1",
        "I look at it.",
        "Then I write.",
        "> Write /w/a",
        "= error max turns after 2 turns",
      ]);
      await page.getByLabel("Search the log").fill("write");
      await page.getByTestId("log-hits").getByText("2 of 2").waitFor();
      await page.getByRole("button", { name: "Raw" }).click();
      await log.getByText('"subtype":"init"').waitFor();
      await screenshot(page, "task-events-raw");
      await page.getByRole("button", { name: "Raw" }).click();
      await log.getByText("> Write /w/a").waitFor();
      expectClean(tab);
    });
  });

  test("[LG4] whose log may show secrets says so, and of which", { timeout: 120_000 }, async () => {
    const { id } = await dispatchTask(product.api, { command: ["/bin/true"], on: {}, description: "was sent after a crash" });
    await taskEnds(product.api, id);
    for (const [size, viewport] of Object.entries({ desktop: undefined, phone: { ...PHONE } })) {
      await using tab = await user.open("/tasks", viewport === undefined ? {} : { viewport });
      await journey(`task-unredacted-${size}`, tab, async (page) => {
        await page.goto(`${product.url}/tasks/${id}`);
        await page.getByTestId("log").or(page.getByText("It wrote nothing.")).first().waitFor();
        expect(await page.getByTestId("unredacted").count()).toBe(0);
        // What its host would tell after it was killed at the wrong moment, which `[LG4]` of the host's own tests brings about.
        await page.route(`**/api/v1/tasks/${id}`, async (route) => {
          const answer = await route.fetch();
          const task = await answer.json();
          for (const attempt of task.attempts) attempt.log = { ...attempt.log, unredacted: ["GH_TOKEN", "NPM\u202eKEY"] };
          await route.fulfill({ response: answer, json: task });
        });
        await page.reload();
        const warning = page.getByTestId("unredacted");
        await warning.waitFor();
        expect(await warning.innerText()).toContain("may show values of GH_TOKEN, NPMKEY");
        await screenshot(page, `task-unredacted-${size}`);
      });
    }
  });

  test("the dialog keeps its buttons in sight, and a long name leaves room for where its agent is", { timeout: 120_000 }, async () => {
    const name = `${"a-name-that-goes-on-".repeat(3)}end`;
    await product.api.createAgent({ name, type: "shell", workspace: product.home.directory("long") });
    for (const [size, viewport] of Object.entries({ desktop: undefined, phone: { ...PHONE } })) {
      await using tab = await user.open("/tasks", viewport === undefined ? {} : { viewport });
      await journey(`tasks-dialog-${size}`, tab, async (page) => {
        await page.getByRole("button", { name: "Dispatch a task" }).first().click();
        const dialog = page.getByRole("dialog");
        const list = dialog.getByRole("group", { name: "Agents" });
        await list.getByText(name).waitFor();
        expect(await list.evaluate((box) => box.scrollWidth - box.clientWidth)).toBeLessThanOrEqual(0);
        const places = await list.getByText(product.api.defaultHost ?? "", { exact: true }).all();
        expect(places).not.toEqual([]);
        for (const place of places) expect(await place.evaluate((word) => word.scrollWidth - word.clientWidth)).toBeLessThanOrEqual(0);
        for (const more of await dialog.locator("summary").all()) await more.click();
        const [bottom, button] = await Promise.all([
          dialog.evaluate((box) => box.getBoundingClientRect().bottom),
          dialog.getByRole("button", { name: "Dispatch", exact: true }).boundingBox(),
        ]);
        expect((button?.y ?? Infinity) + (button?.height ?? 0)).toBeLessThanOrEqual(bottom);
        await screenshot(page, `tasks-dialog-${size}`);
      });
    }
  });
});
