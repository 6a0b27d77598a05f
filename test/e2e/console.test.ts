/** The console in Chromium against the real product: what an owner does in the first ten minutes. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DESKTOP, PHONE, journey, launchBrowser, openPage, type TestPage } from "../support/browser.ts";
import { fakeAgent } from "../support/flood.ts";
import { Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("chromium");

describe.skipIf(missing !== undefined)(`console${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  let browser: Browser;

  beforeAll(async () => {
    product = await Product.up();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await product[Symbol.asyncDispose]();
  });

  const screenText = (page: Page) => page.locator(".xterm-rows").innerText();
  const shows = (page: Page, wanted: string | RegExp, timeoutMs = 20_000) =>
    poll(
      `terminal showing ${String(wanted)}`,
      async () => {
        const text = (await screenText(page)).replaceAll("\u00a0", " ");
        return (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)) ? text : undefined;
      },
      { timeoutMs, everyMs: 50, detail: () => page.url() },
    );
  const login = async (page: Page): Promise<void> => {
    await page.goto(await product.loginLink());
    await page.getByRole("button", { name: "New session" }).first().waitFor();
  };
  const writing = (page: Page) => page.getByTestId("pen").getByText("Writing").waitFor();
  const clean = ({ problems }: TestPage) => expect(problems.all.filter((line) => !/WebSocket connection|net::ERR_|Failed to load resource/.test(line))).toEqual([]);

  test("login by link, tree, new shell, type, resize", async () => {
    await using tab = await openPage(browser, { viewport: { ...DESKTOP } });
    await journey("login-type-resize", tab, async (page) => {
      await login(page);
      expect(page.url()).not.toContain("mst_login");
      const hostName = (await product.api.hosts())[0]?.name ?? "";
      await page.getByRole("navigation", { name: "Fleet" }).getByText(hostName).waitFor();
      await page.getByRole("button", { name: "New session" }).first().click();
      await page.getByText(`Shell on ${hostName}`).click();
      await page.waitForURL(/\/sessions\/ses_/);
      await writing(page);
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type("echo typed-$((6*7)); stty size\n");
      const before = await shows(page, /typed-42[\s\S]*?\d+ \d+/);
      const size = /(\d+) (\d+)\s/.exec(before.slice(before.indexOf("typed-42\n")));
      await page.setViewportSize({ width: 900, height: 600 });
      await page.keyboard.type("clear; echo resized; stty size\n");
      const after = await shows(page, /resized\s+\d+ \d+/);
      expect(/resized\s+(\d+) (\d+)/.exec(after)?.slice(1)).not.toEqual(size?.slice(1));
      clean(tab);
    });
  });

  test("[VW2] two tabs: the second watches, takes the pen, the first is told", async () => {
    const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "pty" });
    await using one = await openPage(browser);
    await using two = await openPage(browser);
    await journey("take-the-pen", one, async (page) => {
      await login(page);
      await page.goto(`${product.url}/sessions/${id}`);
      await writing(page);
    });
    await journey("take-the-pen-second", two, async (page) => {
      await login(page);
      await page.goto(`${product.url}/sessions/${id}`);
      await page.getByRole("button", { name: "Take the pen" }).click();
      await writing(page);
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type("say from the second tab\n");
      await shows(page, "from the second tab");
    });
    await one.page.getByRole("button", { name: "Take the pen" }).waitFor();
    await shows(one.page, "from the second tab");
    clean(one);
    clean(two);
  });

  test("[VW5] a token revoked under an open terminal ends it within 5 s and says so", async () => {
    const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "pty" });
    const { token, secret } = await product.api.createToken({ name: "guest", role: "operator" });
    await using tab = await openPage(browser);
    await journey("revoked", tab, async (page) => {
      await page.goto(`${product.url}/login`);
      await page.getByLabel(/login link or an API token/).fill(secret);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("navigation", { name: "Fleet" }).first().waitFor();
      await page.goto(`${product.url}/sessions/${id}`);
      await writing(page);
      await product.api.revokeToken(token.id);
      await page.getByText(/revoked|sign in|signed out|not valid/i).first().waitFor({ timeout: 5_000 });
    });
  });

  test("a control-plane restart is lived through without a reload", { timeout: 120_000 }, async () => {
    const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "tmux" });
    await using tab = await openPage(browser);
    await journey("restart", tab, async (page) => {
      await login(page);
      await page.goto(`${product.url}/sessions/${id}`);
      await writing(page);
      await page.evaluate(() => document.body.setAttribute("data-same-page", "yes"));
      await product.killAndReturn("workerd");
      await page.getByText(/Reconnecting|Connecting/).first().waitFor({ timeout: 30_000 });
      await page.locator('[data-connection="open"]').first().waitFor({ timeout: 60_000 });
      await writing(page);
      await product.api.hostOnline(undefined, 60_000);
      await poll("typing reaches the program again", async () => {
        await page.locator(".xterm-helper-textarea").focus();
        await page.keyboard.type("say back again\n");
        return shows(page, /^back again/m, 2_000).catch(() => undefined);
      }, { timeoutMs: 60_000, everyMs: 500 });
      expect(await page.evaluate(() => document.body.getAttribute("data-same-page"))).toBe("yes");
    });
  });

  test("the hosts page shows this machine and makes the join line", async () => {
    await using tab = await openPage(browser);
    await journey("hosts", tab, async (page) => {
      await login(page);
      await page.goto(`${product.url}/hosts`);
      await page.getByRole("button", { name: "Add a machine" }).first().click();
      const line = await page.getByText(/MAESTRO_JOIN=mst_join_/).first().innerText();
      expect(line).toContain("/install.sh");
      expect(line).not.toMatch(/install\.sh[^|]*mst_join/);
      clean(tab);
    });
  });

  test("phone size: nothing overflows, the key row types, the drawer opens", async () => {
    const { id } = await product.api.createSession({ argv: fakeAgent(), backend: "pty" });
    await using tab = await openPage(browser, { viewport: { ...PHONE }, context: { hasTouch: true, isMobile: true } });
    await journey("phone", tab, async (page) => {
      await page.goto(await product.loginLink());
      await page.getByRole("button", { name: /menu/i }).first().waitFor();
      for (const path of ["/", "/hosts", "/agents", `/sessions/${id}`]) {
        await page.goto(`${product.url}${path}`);
        await page.locator("main, .term-page").first().waitFor();
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), path).toBeLessThanOrEqual(0);
      }
      await writing(page);
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type("say small screen");
      await page.getByRole("button", { name: /enter|return|⏎/i }).click();
      await shows(page, "small screen");
      await page.getByRole("button", { name: "Open the menu" }).click();
      await page.getByRole("navigation", { name: "Fleet" }).waitFor();
      clean(tab);
    });
  });
});
