/** Hostile terminal output in the real console and the real CLI: nothing acts without consent. */
import type { Browser } from "playwright-core";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HostileCorpus, type HostileCase } from "../fixtures/hostile-escapes.ts";
import { launchBrowser, openPage } from "../support/browser.ts";
import { hostileTerminal } from "../support/flood.ts";
import { BUNDLE, Product } from "../support/maestro.ts";
import { lacking } from "../support/system.ts";
import { TmuxPane } from "../support/tmux-pane.ts";
import { poll } from "../support/wait.ts";

const corpus = HostileCorpus.parse(JSON.parse(readFileSync(new URL("../fixtures/hostile-escapes.json", import.meta.url), "utf8")));
const missing = lacking("chromium", "tmux");

interface Victim {
  session: string;
  emit(name: string): Promise<void>;
  /** Bytes that reached the program's terminal since the last call. */
  typed(): Promise<Buffer>;
}

async function victim(product: Product): Promise<Victim> {
  const { id } = await product.api.createSession({ argv: hostileTerminal(), backend: "pty", cols: 100, rows: 30 });
  const screen = await product.api.screenShows(id, /HOSTILE PORT \d+/);
  const port = /HOSTILE PORT (\d+)/.exec(screen)?.[1] ?? "0";
  return {
    session: id,
    emit: async (name) => {
      const answer = await fetch(`http://127.0.0.1:${port}/emit/${encodeURIComponent(name)}`);
      expect(answer.status, name).toBe(200);
    },
    typed: async () => Buffer.from(await (await fetch(`http://127.0.0.1:${port}/typed`)).text(), "hex"),
  };
}

/** After each case the program prints a marker of its own through a known-harmless path, so that "nothing came" is an observation. */
const settle = (product: Product, session: string, marker: string) => product.api.type(session, marker);

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

  test(`in the browser: ${corpus.length} cases`, { timeout: 300_000 }, async () => {
    const target = await victim(product);
    await using tab = await openPage(browser);
    const { page, context, problems } = tab;
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: product.url });
    await page.goto(await product.loginLink());
    await page.getByRole("button", { name: "New session" }).first().waitFor();
    await page.goto(`${product.url}/sessions/${target.session}`);
    await page.getByTestId("pen").getByText("Writing").waitFor();
    await page.evaluate(() => navigator.clipboard.writeText("mine"));
    await target.typed();
    const url = page.url();
    const size = (await product.api.session(target.session)).cols;
    const leaks: string[] = [];
    for (const one of corpus) {
      await target.emit(one.name);
      const typed = await afterMarker(target);
      leaks.push(...(await judge(one, typed)));
    }
    expect(leaks).toEqual([]);
    expect(problems).toMatchObject({ popups: [], downloads: [], dialogs: [] });

    async function afterMarker({ session, typed }: Victim): Promise<Buffer> {
      // The page has seen the case when its offset has passed it: a key typed in the page comes after any reply.
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type("~");
      let got = Buffer.alloc(0);
      return poll(`the marker typed after a case in ${session}`, async () => {
        got = Buffer.concat([got, await typed()]);
        return got.includes("~") ? got.subarray(0, got.indexOf("~")) : undefined;
      }, { everyMs: 10, timeoutMs: 20_000, detail: () => got.toString("hex") });
    }

    async function judge(one: HostileCase, typed: Buffer): Promise<string[]> {
      const found: string[] = [];
      if (one.mustNot.includes("clipboard") && (await page.evaluate(() => navigator.clipboard.readText())) !== "mine") {
        found.push(`${one.name}: clipboard`);
        await page.evaluate(() => navigator.clipboard.writeText("mine"));
      }
      if (page.url() !== url) found.push(`${one.name}: navigation`);
      if (one.mustNot.includes("reply") && !one.writerMayReply && typed.byteLength > 0) found.push(`${one.name}: reply ${typed.toString("hex")}`);
      if (one.mustNot.includes("resize") && (await product.api.session(target.session)).cols !== size) found.push(`${one.name}: resize`);
      return found;
    }
  });

  test(`in the CLI's attach: ${corpus.length} cases`, { timeout: 300_000 }, async () => {
    const target = await victim(product);
    await using pane = await TmuxPane.open({ argv: [process.execPath, BUNDLE, "session", "attach", target.session], env: product.home.env(), cols: 100, rows: 30 });
    await pane.shows("HOSTILE PORT");
    await target.typed();
    const leaks: string[] = [];
    for (const one of corpus) {
      await target.emit(one.name);
      await pane.type("~");
      let got = Buffer.alloc(0);
      const typed = await poll(`the marker after ${one.name}`, async () => {
        got = Buffer.concat([got, await target.typed()]);
        return got.includes("~") ? got.subarray(0, got.indexOf("~")) : undefined;
      }, { everyMs: 10, timeoutMs: 20_000, detail: () => got.toString("hex") });
      if (one.mustNot.includes("reply") && !one.writerMayReply && typed.byteLength > 0) leaks.push(`${one.name}: reply ${typed.toString("hex")}`);
    }
    expect(await pane.clipboard()).toBe("");
    expect(leaks).toEqual([]);
  });

  test("a planted leak makes the corpus fail", async () => {
    const target = await victim(product);
    await target.typed();
    // Stands for a console that answers a query it must not answer.
    await settle(product, target.session, "\u001b[?1;2c");
    const got = await poll("the planted reply", async () => { const bytes = await target.typed(); return bytes.byteLength > 0 ? bytes : undefined; }, { everyMs: 10 });
    expect(got.toString()).toContain("\u001b[?1;2c");
  });
});
