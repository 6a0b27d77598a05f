/** Hostile terminal output in the real console and the real CLI: nothing acts without consent. */
import type { Browser } from "playwright-core";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HostileCorpus } from "../fixtures/hostile-escapes.ts";
import { launchBrowser, openPage, type TestPage } from "../support/browser.ts";
import { hostileTerminal } from "../support/flood.ts";
import { HostileProgram, leaks, type HostileLane } from "../support/hostile.ts";
import { browserLane, plantLeaks } from "../support/hostile-browser.ts";
import { BUNDLE, Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { TmuxPane } from "../support/tmux-pane.ts";

const corpus = HostileCorpus.parse(JSON.parse(readFileSync(new URL("../fixtures/hostile-escapes.json", import.meta.url), "utf8")));
const missing = lacking("chromium", "tmux");
const cases = (...names: string[]) => corpus.filter(({ name }) => names.includes(name));

/** Everything a leaking terminal could be seen to do. */
const PLANTED = cases(
  "osc52-write-bel",
  "osc9-notification",
  "osc8-javascript",
  "csi-t-report-title",
  "csi-t-resize-chars",
  "iterm-file-download",
);

describe.skipIf(missing !== undefined)(`hostile output${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
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

  /** The writer's page of that session. */
  async function atTerminal(tab: TestPage, session: string): Promise<HostileLane> {
    await tab.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: product.url });
    await tab.page.goto(await product.loginLink());
    await tab.page.getByRole("button", { name: "New session" }).first().waitFor();
    await tab.page.goto(`${product.url}/sessions/${session}`);
    await tab.page.getByTestId("pen").getByText("Writing").waitFor();
    return browserLane(tab, product);
  }

  const tmuxLane = (pane: TmuxPane): HostileLane => ({
    shown: async ({ words }) => void (await pane.shows(words, 15_000)),
    type: (key) => pane.type(key),
    effects: async () => {
      if ((await pane.clipboard()) === "") return [];
      await pane.forgetClipboard();
      return ["clipboard"];
    },
  });

  test(`in the browser: ${corpus.length} cases`, { timeout: 300_000 }, async () => {
    const { id, program } = await HostileProgram.session(product);
    await using tab = await openPage(browser);
    const lane = await atTerminal(tab, id);
    expect(await leaks(corpus, program, lane)).toEqual([]);
    expect(tab.problems).toMatchObject({ popups: [], downloads: [], dialogs: [] });
  });

  test(`in the CLI's attach: ${corpus.length} cases`, { timeout: 300_000 }, async () => {
    const { id, program } = await HostileProgram.session(product);
    await using pane = await TmuxPane.open({
      argv: [process.execPath, BUNDLE, "session", "attach", id],
      env: product.home.env(),
      cols: 100,
      rows: 30,
    });
    await pane.shows("HOSTILE PORT");
    expect(await leaks(corpus, program, tmuxLane(pane))).toEqual([]);
  });

  test("a console that obeys the output fails the corpus, whatever it does", async () => {
    const { id, program } = await HostileProgram.session(product);
    await using tab = await openPage(browser);
    await plantLeaks(tab);
    const lane = await atTerminal(tab, id);
    const found = await leaks(PLANTED, program, lane);
    for (const leak of [
      "osc52-write-bel: clipboard",
      "osc8-javascript: navigation",
      "osc9-notification: popup",
      "csi-t-report-title: reply 1b5d",
      "csi-t-resize-chars: resize",
      "iterm-file-download: download",
    ])
      expect(found).toContainEqual(expect.stringContaining(leak));
  });

  test("a terminal without the CLI in between fails the corpus", async () => {
    await using pane = await TmuxPane.open({ argv: hostileTerminal(), cols: 100, rows: 30 });
    const program = HostileProgram.at(await pane.shows(/HOSTILE PORT \d+/));
    expect(await leaks(cases("osc52-write-bel", "csi-t-report-size-chars"), program, tmuxLane(pane))).toEqual([
      "osc52-write-bel: clipboard",
      expect.stringMatching(/^csi-t-report-size-chars: reply /),
    ]);
  });
});
