/** Debian's chromium through playwright-core, with everything that went wrong in the page kept for the test. */
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { chromiumPath } from "./system.ts";

/** The two sizes the console is made for. */
export const DESKTOP = { width: 1440, height: 900 } as const;
export const PHONE = { width: 390, height: 844 } as const;

export interface TestPageOptions {
  viewport?: { width: number; height: number };
  /** Loads and asserts in the page, ms. */
  timeoutMs?: number;
  context?: BrowserContextOptions;
}

export interface PageProblems {
  /** Console errors and warnings, uncaught exceptions, requests that failed on the network. */
  all: string[];
  /** Things terminal output must never cause. */
  popups: string[];
  downloads: string[];
  dialogs: string[];
  navigations: string[];
}

export interface TestPage extends AsyncDisposable {
  page: Page;
  context: BrowserContext;
  problems: PageProblems;
}

/** One browser for a test file; pages are isolated from each other by their contexts. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    // Root in a container has no user namespaces to sandbox with; only our own pages are opened.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"],
  });
}

export async function openPage(
  browser: Browser,
  { viewport = DESKTOP, timeoutMs = 30_000, context: extra = {} }: TestPageOptions = {},
): Promise<TestPage> {
  const context = await browser.newContext({ viewport: { ...viewport }, ...extra });
  context.setDefaultTimeout(timeoutMs);
  const page = await context.newPage();
  const problems = watchProblems(context, page);
  const dispose = async (): Promise<void> => {
    // What a page is still asked for through a route of the test's goes with it, and is nobody's failure.
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await context.close();
  };
  return { page, context, problems, [Symbol.asyncDispose]: dispose };
}

/** Runs a journey; when it fails, the page as it was and its problems are in the error. */
export async function journey<T>(name: string, { page, problems }: TestPage, steps: (page: Page) => Promise<T>): Promise<T> {
  try {
    return await steps(page);
  } catch (error) {
    const shot = await screenshot(page, name);
    const told = [`page: ${page.url()}`, `screenshot: ${shot}`, ...problems.all.slice(-20)].join("\n");
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}\n${told}`, { cause: error });
  }
}

/** Where screenshots go: `MAESTRO_TEST_ARTIFACTS`, else a directory under the temporary one. */
export async function screenshot(page: Page, name: string): Promise<string> {
  const directory = process.env["MAESTRO_TEST_ARTIFACTS"] ?? join(tmpdir(), "maestro-test-artifacts");
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name.replace(/[^\w-]+/g, "-").slice(0, 80)}-${Date.now()}.png`);
  await page.screenshot({ path: file, timeout: 5_000 }).catch(() => undefined);
  return file;
}

function watchProblems(context: BrowserContext, page: Page): PageProblems {
  const problems: PageProblems = { all: [], popups: [], downloads: [], dialogs: [], navigations: [] };
  const note = (list: string[], text: string) => {
    list.push(text);
    if (list !== problems.all) problems.all.push(text);
  };
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") note(problems.all, `console ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => note(problems.all, `page error: ${error.stack ?? error.message}`));
  page.on("requestfailed", (request) =>
    note(problems.all, `request failed: ${request.method()} ${request.url()} ${request.failure()?.errorText ?? ""}`),
  );
  page.on("dialog", (dialog) => {
    note(problems.dialogs, `dialog ${dialog.type()}: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("download", (download) => note(problems.downloads, `download: ${download.url()}`));
  page.on("framenavigated", (frame) => {
    // Not a problem by itself: journeys navigate. Tests of hostile output compare before and after.
    if (frame === page.mainFrame()) problems.navigations.push(frame.url());
  });
  context.on("page", (opened) => {
    if (opened !== page) note(problems.popups, `popup: ${opened.url()}`);
  });
  return problems;
}
