/** The console's pages about machines in Chromium against the real product: joining, draining, away, removed. */
import { cpSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { journey, launchBrowser, openPage } from "../support/browser.ts";
import { ConsoleUser, expectClean, terminalShows, typeInto, writing } from "../support/console.ts";
import { fakeAgent } from "../support/flood.ts";
import { TestHome } from "../support/home.ts";
import { Product, SecondHost } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";

const missing = lacking("chromium");

describe.skipIf(missing !== undefined)(`console, fleet${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  let browser: Browser;
  let user: ConsoleUser;
  let joined: SecondHost | undefined;
  /** One for all tests: enrolments are limited to 5 a minute. */
  const secondHost = async () => (joined ??= await product.joinHost("second"));

  beforeAll(async () => {
    product = await Product.up();
    browser = await launchBrowser();
    user = await ConsoleUser.signIn(browser, product);
  });
  afterAll(async () => {
    await browser?.close();
    await product[Symbol.asyncDispose]();
  });

  test("the join line keeps its secret out of argv, and the dialog sees the machine that joins", async () => {
    await using tab = await user.open("/hosts");
    await journey("join", tab, async (page) => {
      await page.getByRole("button", { name: "Add a machine" }).first().click();
      const line = await page
        .getByText(/MAESTRO_JOIN=mst_join_/)
        .first()
        .innerText();
      expect(line).toContain("/install.sh");
      expect(line).not.toMatch(/install\.sh[^|]*mst_join/);
      await page.getByText("Waiting for the machine").waitFor();
      await secondHost();
      await page.getByText("second has joined").waitFor();
      await page.getByRole("dialog").getByRole("button", { name: "Open a shell" }).click();
      await page.waitForURL(/\/sessions\/ses_/);
      await writing(page);
      await typeInto(page, "echo first-$((40+2))\n");
      await terminalShows(page, "first-42");
      await page.locator('.nav a[href="/hosts"]').click();
      await page.getByRole("article", { name: "Host second" }).getByText("online", { exact: true }).waitFor();
      expectClean(tab);
    });
  });

  test("a sign-in with a token is asked to confirm before a machine is added", async () => {
    const { secret } = await product.api.createToken({ name: "owner-by-token", role: "owner" });
    await using tab = await openPage(browser);
    await journey("step-up", tab, async (page) => {
      await page.goto(`${product.url}/hosts`);
      await page.getByLabel(/login link or an API token/).fill(secret);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("button", { name: "Add a machine" }).first().click();
      await page.getByRole("dialog", { name: "Confirm that it is you" }).waitFor();
      await page.getByLabel(/Paste the link it prints/).fill(await product.loginLink());
      await page.getByRole("button", { name: "Confirm" }).click();
      await page
        .getByText(/MAESTRO_JOIN=mst_join_/)
        .first()
        .waitFor();
      // The old sign-in is gone, the page goes on with the new one.
      await page.getByRole("button", { name: "Close" }).last().click();
      await page.locator('.side [data-connection="open"]').waitFor();
    });
  });

  test("a host whose daemon died is away on the terminal and back by itself", { timeout: 120_000 }, async () => {
    const host = await secondHost();
    const { id } = await product.api.createSession({ host: "second", argv: fakeAgent(), backend: "pty" });
    await using tab = await user.open(`/sessions/${id}`);
    await journey("away", tab, async (page) => {
      await writing(page);
      await terminalShows(page, "fake-agent");
      await host.kill("host-agent");
      await page.getByText("second is away.").waitFor();
      await typeInto(page, "x");
      await page.getByText("second is away: what you type is not sent.").waitFor();
      host.run();
      await page.getByText("second is away.").waitFor({ state: "hidden", timeout: 60_000 });
      await typeInto(page, "say here again\n");
      await terminalShows(page, /^here again/m);
      expectClean(tab);
    });
  });

  test(
    "[LK2] a cloned host is locked: the console says what happened and what unlocking means, and unlocks it",
    { timeout: 180_000 },
    async () => {
      const host = await secondHost();
      await using home = new TestHome("c");
      cpSync(host.home.path, home.path, { recursive: true, filter: (path) => !/\.(sock|lock|pid)$|\/run(\/|$)/.test(path) });
      const copy = SecondHost.clone("copy", home);
      await using tab = await user.open("/hosts");
      await journey("unlock", tab, async (page) => {
        const card = page.getByRole("article", { name: "Host second" });
        await card.getByText("online", { exact: true }).waitFor();
        copy.run();
        await card.getByText("Two machines used this host's identity").waitFor({ timeout: 120_000 });
        await card.getByText("Find the copy, stop its daemon").waitFor();
        expect(await card.getByText("online", { exact: true }).count()).toBe(0);
        expect(await card.getByRole("button", { name: "Open a shell" }).count()).toBe(0);
        await page.getByRole("navigation", { name: "Fleet" }).getByText("locked").waitFor();
        await copy.stop();
        await card.getByRole("button", { name: "Unlock…" }).click();
        const dialog = page.getByRole("dialog", { name: "Unlock second?" });
        await dialog.getByText("only when the copy is stopped").waitFor();
        await dialog.getByRole("button", { name: "Unlock" }).click();
        await card.getByText("Two machines used this host's identity").waitFor({ state: "detached" });
        await host.stop().catch(() => undefined);
        host.run();
        await card.getByText("online", { exact: true }).waitFor({ timeout: 60_000 });
        expectClean(tab);
      });
    },
  );

  test("a host is drained, resumed and removed from its menu", async () => {
    await secondHost();
    await using tab = await user.open("/hosts");
    await journey("drain-remove", tab, async (page) => {
      const card = page.getByRole("article", { name: "Host second" });
      const menu = card.getByRole("button", { name: "Actions for second" });
      await menu.click();
      await page.getByRole("menuitem", { name: "Drain: take no new work" }).click();
      await card.getByText("draining").waitFor();
      expect(await card.getByRole("button", { name: "Open a shell" }).isDisabled()).toBe(true);
      await card.getByRole("button", { name: "Resume" }).click();
      await card.getByText("draining").waitFor({ state: "detached" });
      await menu.click();
      await page.getByRole("menuitem", { name: /Remove from the fleet/ }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
      await card.waitFor({ state: "detached" });
      await page.getByRole("navigation", { name: "Fleet" }).getByText("second").waitFor({ state: "detached" });
      expectClean(tab);
    });
  });
});
