/** A person at the console: signed in once, then with as many pages as a test wants. Signing in is limited to 5 a minute. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { openPage, type TestPage, type TestPageOptions } from "./browser.ts";
import type { Product } from "./maestro.ts";
import { poll } from "./wait.ts";

type StorageState = NonNullable<BrowserContextOptions["storageState"]>;

/** What a page says while its server is killed under it. */
const CUT_OFF = /WebSocket connection|net::ERR_|Failed to load resource|request failed/;

export class ConsoleUser {
  readonly #browser: Browser;
  readonly #product: Product;
  readonly #state: StorageState;
  /** Where the login link led. */
  readonly arrivedAt: string;

  private constructor(browser: Browser, product: Product, state: StorageState, arrivedAt: string) {
    this.#browser = browser;
    this.#product = product;
    this.#state = state;
    this.arrivedAt = arrivedAt;
  }

  static async signIn(browser: Browser, product: Product): Promise<ConsoleUser> {
    await using tab = await openPage(browser);
    await tab.page.goto(await product.loginLink());
    await tab.page.getByRole("button", { name: "New session" }).first().waitFor();
    // The key is in localStorage, the cookie is worth nothing without it.
    return new ConsoleUser(browser, product, await tab.context.storageState(), tab.page.url());
  }

  /** A browser window of its own at `path`. */
  async open(path = "/", options: TestPageOptions = {}): Promise<TestPage> {
    const tab = await openPage(this.#browser, { ...options, context: { ...options.context, storageState: this.#state } });
    await tab.page.goto(`${this.#product.url}${path}`);
    return tab;
  }
}

export const writing = (page: Page) => page.getByTestId("pen").getByText("Writing").waitFor();

export async function typeInto(page: Page, text: string): Promise<void> {
  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type(text);
}

/** The terminal's text once it shows this. */
export function terminalShows(page: Page, wanted: string | RegExp, timeoutMs = 30_000): Promise<string> {
  let last = "";
  return poll(
    `terminal showing ${String(wanted)}`,
    async () => {
      last = (await page.locator(".xterm-rows").innerText()).replaceAll("\u00a0", " ");
      return (typeof wanted === "string" ? last.includes(wanted) : wanted.test(last)) ? last : undefined;
    },
    { timeoutMs, everyMs: 50, detail: () => `${page.url()}\n${last}` },
  );
}

/** Nothing was said in the browser's console but what a dead network says. */
export const expectClean = ({ problems }: TestPage) => expect(problems.all.filter((line) => !CUT_OFF.test(line))).toEqual([]);
