/** The console's terminal in Chromium against the real product. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DESKTOP, PHONE, journey, launchBrowser, openPage } from "../support/browser.ts";
import { ConsoleUser, expectClean, terminalShows, typeInto, writing } from "../support/console.ts";
import { fakeAgent } from "../support/flood.ts";
import { TestHome } from "../support/home.ts";
import { Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { poll } from "../support/wait.ts";

const missing = lacking("chromium");

describe.skipIf(missing !== undefined)(`console${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  let browser: Browser;
  let user: ConsoleUser;

  beforeAll(async () => {
    const home = new TestHome();
    mkdirSync(join(home.path, "agents.d"));
    writeFileSync(join(home.path, "agents.d", "talker.yaml"), JSON.stringify({ slug: "talker", argv: fakeAgent() }));
    product = await Product.up({ home });
    browser = await launchBrowser();
    user = await ConsoleUser.signIn(browser, product);
  });
  afterAll(async () => {
    await browser?.close();
    await product[Symbol.asyncDispose]();
  });

  const signInWith = async (page: Page, path: string, secret: string) => {
    await page.goto(`${product.url}${path}`);
    await page.getByLabel(/login link or an API token/).fill(secret);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  const agentSession = async (backend: "pty" | "tmux" = "pty") => (await product.api.createSession({ argv: fakeAgent(), backend })).id;

  test("login by link, tree, new shell, type, resize", async () => {
    expect(user.arrivedAt).toBe(`${product.url}/`);
    await using tab = await user.open("/", { viewport: { ...DESKTOP } });
    await journey("login-type-resize", tab, async (page) => {
      const hostName = (await product.api.hosts())[0]?.name ?? "";
      await page.getByRole("navigation", { name: "Fleet" }).getByText(hostName).waitFor();
      await page.getByRole("button", { name: "New session" }).first().click();
      await page.getByText(`Shell on ${hostName}`).click();
      await page.waitForURL(/\/sessions\/ses_/);
      await writing(page);
      const id = page.url().split("/").at(-1) ?? "";
      await terminalShows(page, /[$#]/);
      // Nobody clicked into it.
      await page.keyboard.type("echo typed-$((6*7)); stty size\n");
      const before = /typed-42\n(\d+) (\d+)/.exec(await terminalShows(page, /typed-42\n\d+ \d+/));
      await page.setViewportSize({ width: 900, height: 600 });
      await poll("the session in its new size", async () =>
        (await product.api.session(id)).cols < Number(before?.[2]) ? true : undefined,
      );
      await typeInto(page, "clear; echo resized; stty size\n");
      const after = /resized\n(\d+) (\d+)/.exec(await terminalShows(page, /resized\n\d+ \d+/));
      expect(Number(after?.[1])).toBeLessThan(Number(before?.[1]));
      expect(Number(after?.[2])).toBeLessThan(Number(before?.[2]));
      expectClean(tab);
    });
  });

  test("an agent that was assigned and started hears the keyboard at once", async () => {
    await using tab = await user.open("/agents");
    await journey("assign-start", tab, async (page) => {
      await page.getByRole("button", { name: "Assign an agent" }).first().click();
      const dialog = page.getByRole("dialog", { name: "Assign an agent" });
      await dialog.getByLabel("Agent").selectOption("talker");
      await dialog.getByRole("button", { name: "Assign and start" }).click();
      await writing(page);
      await terminalShows(page, "fake-agent");
      await page.keyboard.type("say at once\n");
      await terminalShows(page, /^at once/m);
      expectClean(tab);
    });
  });

  test("[VW2] two tabs: the second watches, takes the pen, the first is told", async () => {
    const id = await agentSession();
    await using one = await user.open(`/sessions/${id}`);
    await journey("take-the-pen", one, writing);
    await using two = await user.open(`/sessions/${id}`, { viewport: { width: 1000, height: 700 } });
    await journey("take-the-pen-second", two, async (page) => {
      const take = page.getByRole("button", { name: "Take the pen" });
      await take.waitFor();
      await typeInto(page, "x");
      await page.getByText("You are watching. Take the pen to type.").waitFor();
      expect(await take.getAttribute("aria-describedby").then((by) => page.locator(`#${by}`).textContent())).toBe(
        "The other window then watches, at this window's size.",
      );
      await take.click();
      await writing(page);
      await typeInto(page, "say from the second tab\n");
      await terminalShows(page, "from the second tab");
    });
    await one.page.getByText("Another window of yours has taken the pen.").waitFor();
    await one.page.getByRole("button", { name: "Take the pen" }).waitFor();
    await terminalShows(one.page, "from the second tab");
    await one.page.getByRole("button", { name: "Take it back" }).click();
    await writing(one.page);
    await one.page.getByText("has taken the pen.").waitFor({ state: "detached" });
    expectClean(one);
    expectClean(two);
  });

  test("[VW2] who may only watch is told who writes and why no pen is offered, on the phone too", async () => {
    const id = await agentSession();
    await using writer = await user.open(`/sessions/${id}`);
    await writing(writer.page);
    const { secret } = await product.api.createToken({ name: "watcher", role: "viewer" });
    await using tab = await openPage(browser, { viewport: { ...PHONE }, context: { hasTouch: true, isMobile: true } });
    await journey("read-only", tab, async (page) => {
      await signInWith(page, `/sessions/${id}`, secret);
      const foot = page.locator(".watch-foot");
      await foot.getByText(/writes\.$/).waitFor();
      await foot.getByText("Your role is viewer: you may watch, not type.").waitFor();
      await typeInto(page, "x");
      await page.getByText("You may watch this session, not type into it.").waitFor();
      expect(await page.getByRole("button", { name: /Take/ }).count()).toBe(0);
      expect(await page.getByRole("button", { name: "End this session" }).count()).toBe(0);
      await page.setViewportSize({ ...DESKTOP });
      await page.getByTestId("pen").getByText("owner writes").waitFor();
      expectClean(tab);
    });
  });

  test("a session that does not exist is said to be so, with a way out", async () => {
    await using tab = await user.open("/sessions/ses_00000000000000000000000000");
    await journey("no-session", tab, async (page) => {
      await page.getByRole("heading", { name: "No such session" }).waitFor();
      await page.getByRole("button", { name: "Try again" }).waitFor();
      await page.locator(".term-wait").getByRole("link", { name: "Overview" }).click();
      await page.waitForURL(`${product.url}/`);
    });
  });

  test("a terminal that cannot be fetched while the server is away is fetched when it is asked for again", async () => {
    await product.api.createSession({ argv: fakeAgent(), backend: "pty", name: "late" });
    await using tab = await openPage(browser);
    const chunk = "**/assets/terminal-*.js";
    await tab.page.route(chunk, (route) => route.abort("connectionrefused"));
    await journey("late-terminal", tab, async (page) => {
      await page.goto(await product.loginLink());
      await page.getByRole("navigation", { name: "Fleet" }).getByText("late", { exact: true }).click();
      await page.getByRole("heading", { name: "The terminal could not be loaded" }).waitFor();
      await page.unroute(chunk);
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByTestId("pen").waitFor();
      expectClean(tab);
    });
  });

  test("[VW5] a token revoked under an open terminal ends it and says so", async () => {
    const id = await agentSession();
    const { token, secret } = await product.api.createToken({ name: "guest", role: "operator" });
    await using tab = await openPage(browser);
    await journey("revoked", tab, async (page) => {
      await signInWith(page, `/sessions/${id}`, secret);
      await writing(page);
      await product.api.revokeToken(token.id);
      // Told by whichever is first: the socket that is closed, or the request that is refused.
      await page
        .getByText(/revoked|was ended|browser session ended/i)
        .first()
        .waitFor();
      await page.locator(".xterm-rows").waitFor({ state: "detached" });
    });
  });

  test("a control-plane restart is lived through without a reload", { timeout: 120_000 }, async () => {
    const id = await agentSession("tmux");
    await using tab = await user.open(`/sessions/${id}`);
    await journey("restart", tab, async (page) => {
      await writing(page);
      await page.evaluate(() => document.body.setAttribute("data-same-page", "yes"));
      await product.killAndReturn("workerd");
      await page
        .getByText(/Reconnecting|Connecting/)
        .first()
        .waitFor({ timeout: 30_000 });
      await page.locator('[data-testid=terminal][data-connection="open"]').waitFor({ timeout: 60_000 });
      await writing(page);
      await product.api.hostOnline(undefined, 60_000);
      await page.getByText("is away.").waitFor({ state: "hidden", timeout: 30_000 });
      await typeInto(page, "say back again\n");
      await terminalShows(page, /^back again/m);
      expect(await page.evaluate(() => document.body.getAttribute("data-same-page"))).toBe("yes");
      expectClean(tab);
    });
  });

  test(
    "while the control plane is away numbers and screens say how old they are, and come back by themselves",
    { timeout: 120_000 },
    async () => {
      const id = await agentSession();
      await using terminal = await user.open(`/sessions/${id}`);
      await writing(terminal.page);
      await using tab = await user.open("/hosts");
      await journey("away", tab, async (page) => {
        await page.getByText("online", { exact: true }).waitFor();
        await page.evaluate(() => document.body.setAttribute("data-same-page", "yes"));
        const dimmed = page.locator(".stale");
        expect(await dimmed.count()).toBe(0);
        await product.down();
        await page
          .getByTestId("as-of")
          .getByText(/^As of .*\d+:\d\d:\d\d.* \(\d+s ago\)/)
          .waitFor();
        await page.getByTestId("tree-as-of").waitFor();
        expect(await dimmed.count()).toBe(2);
        await terminal.page
          .getByText(/Screen as of .*\d+:\d\d:\d\d/)
          .first()
          .waitFor();
        await terminal.page.getByTestId("tree-as-of").waitFor();
        expect(await terminal.page.getByTestId("terminal").getAttribute("data-old")).toBe("true");
        for (const path of ["/", "/agents"]) {
          await page.locator(`.nav a[href="${path}"]`).click();
          await page.getByTestId("as-of").waitFor();
        }
        await product.upAgain();
        await page.getByTestId("as-of").waitFor({ state: "detached", timeout: 60_000 });
        await page.getByTestId("tree-as-of").waitFor({ state: "detached" });
        expect(await dimmed.count()).toBe(0);
        await terminal.page.locator('[data-testid=terminal][data-old="false"]').waitFor({ timeout: 60_000 });
        expect(await page.evaluate(() => document.body.getAttribute("data-same-page"))).toBe("yes");
        expectClean(tab);
      });
    },
  );

  test("a link in the output shows where it leads before anything opens, and opens only http", async () => {
    const id = await agentSession();
    await using tab = await user.open(`/sessions/${id}`);
    const { problems } = tab;
    const say = (text: string) => `raw ${JSON.stringify(text)}\n`;
    const link = (uri: string, text: string) => `\r\n\u001b]8;;${uri}\u001b\\${text}\u001b]8;;\u001b\\\r\n`;
    await journey("links", tab, async (page) => {
      await writing(page);
      await typeInto(
        page,
        say(`\u001b[2J\u001b[H${link("javascript:alert(1)", "a bad link")}${link(`${product.url}/api/v1/health`, "a good link")}`),
      );
      const at = async (text: string) => {
        // A line of its own: the words also stand in what was typed.
        await terminalShows(page, new RegExp(`^${text}$`, "m"));
        const box = await page.locator(".xterm-rows > div").getByText(text, { exact: true }).boundingBox();
        return { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 8 };
      };
      const click = async (text: string) => {
        const { x, y } = await at(text);
        // xterm.js finds the link under the pointer when it moves, and forgets it when the line is drawn again.
        await poll(`the pointer over ${text}`, async () => {
          await page.mouse.move(x + 8, y);
          await page.mouse.move(x, y);
          return (await page.locator(".xterm-cursor-pointer").count()) > 0 ? true : undefined;
        });
        await page.mouse.click(x, y);
      };
      await click("a bad link");
      const dialog = page.getByRole("dialog");
      await dialog.getByText("This link does not open").waitFor();
      await dialog.getByRole("button", { name: "Close" }).last().click();
      await click("a good link");
      await dialog.getByText(`${product.url}/api/v1/health`).waitFor();
      expect(problems.popups).toEqual([]);
      const opened = tab.context.waitForEvent("page");
      await dialog.getByRole("link", { name: "Open in a new tab" }).click();
      const other = await opened;
      await other.waitForURL(`${product.url}/api/v1/health`);
      expect(await other.evaluate(() => window.opener)).toBeNull();
    });
  });

  test("a program's copy is an offer that one click accepts", async () => {
    const id = await agentSession();
    await using tab = await user.open(`/sessions/${id}`);
    await tab.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: product.url });
    await journey("clipboard", tab, async (page) => {
      await writing(page);
      await page.evaluate(() => navigator.clipboard.writeText("mine"));
      const payload = Buffer.from("from the program").toString("base64");
      await typeInto(page, `raw ${JSON.stringify(`\u001b]52;c;${payload}\u0007`)}\n`);
      await page.getByText("The program wants to copy 16 characters").waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("mine");
      await page.getByRole("button", { name: "Copy it" }).click();
      await page.getByText("The program wants to copy").waitFor({ state: "hidden" });
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("from the program");
      expectClean(tab);
    });
  });

  test("a session that ended keeps its last screen and says how it ended", async () => {
    const id = await agentSession();
    await using tab = await user.open(`/sessions/${id}`);
    await journey("ended", tab, async (page) => {
      await writing(page);
      await typeInto(page, "exit 3\n");
      await page
        .getByText(/exit(ed)? .*3|code 3/i)
        .first()
        .waitFor();
      await terminalShows(page, "fake-agent 1.2.3");
      await page.getByRole("button", { name: "Forget it" }).click();
      await page.waitForURL(`${product.url}/`);
      expectClean(tab);
    });
  });

  test("phone size: nothing overflows, the key row types, Ctrl holds for one key, the drawer opens", async () => {
    const id = await agentSession();
    await using tab = await user.open("/", { viewport: { ...PHONE }, context: { hasTouch: true, isMobile: true } });
    await journey("phone", tab, async (page) => {
      await page.getByRole("button", { name: /menu/i }).first().waitFor();
      await page.locator(".start", { hasText: "Shell" }).first().tap();
      await writing(page);
      // No keyboard comes up over what was started.
      expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("BODY");
      for (const path of ["/", "/hosts", "/agents", `/sessions/${id}`]) {
        await page.goto(`${product.url}${path}`);
        await page.locator("main, .term-page").first().waitFor();
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), path).toBeLessThanOrEqual(0);
      }
      await writing(page);
      await typeInto(page, "say small screen");
      await page.getByRole("button", { name: "Enter" }).tap();
      await terminalShows(page, /^small screen/m);
      await page.getByRole("button", { name: "Open the menu" }).tap();
      await page.getByRole("navigation", { name: "Fleet" }).waitFor();
      await page.getByRole("button", { name: "Close the menu" }).tap({ position: { x: 360, y: 400 } });
      const shell = await product.api.createSession({ argv: ["/bin/sh", "-c", "exec cat -v"], backend: "pty" });
      await page.goto(`${product.url}/sessions/${shell.id}`);
      await writing(page);
      const ctrl = page.getByRole("button", { name: "Ctrl", exact: true });
      await ctrl.tap();
      expect(await ctrl.getAttribute("aria-pressed")).toBe("true");
      // A control character that no terminal driver keeps for itself.
      await typeInto(page, "b");
      await typeInto(page, "b");
      await page.getByRole("button", { name: "Enter" }).tap();
      await terminalShows(page, /^\^Bb$/m);
      expect(await ctrl.getAttribute("aria-pressed")).toBe("false");
      expectClean(tab);
    });
  });
});
