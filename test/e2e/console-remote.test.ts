/** The console's way to a machine without anything of Maestro: written, tested, its key trusted, saved, changed, switched off, removed. */
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { CHECKS } from "@maestro/shared/contract/remote-hosts";
import { journey, launchBrowser, PHONE, screenshot } from "../support/browser.ts";
import { ConsoleUser, expectClean, terminalShows, typeInto, writing } from "../support/console.ts";
import { Product } from "../support/maestro.ts";
import { RemoteMachine } from "../support/remote-machine.ts";
import { lacking } from "../support/system.ts";

const missing = lacking("chromium", "sshd");
/** A check has a minute; on a busy machine it takes some of it. */
const PATIENCE = { timeout: 60_000 };

describe.skipIf(missing !== undefined)(`console, remote hosts${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let product: Product;
  let machine: RemoteMachine;
  let browser: Browser;
  let user: ConsoleUser;

  beforeAll(async () => {
    product = await Product.up();
    machine = await RemoteMachine.start();
    browser = await launchBrowser();
    user = await ConsoleUser.signIn(browser, product);
  });
  afterAll(async () => {
    await browser?.close();
    await machine?.[Symbol.asyncDispose]();
    await product[Symbol.asyncDispose]();
  });

  test(
    "[SSH3] a machine is tested before it is saved, its key is trusted by somebody, and it is online",
    { timeout: 180_000 },
    async () => {
      await using tab = await user.open("/hosts");
      await journey("remote-add", tab, async (page) => {
        const form = await writeNew(page);
        await form.getByLabel("Name", { exact: true }).fill("GPU Server");
        await form.getByLabel("Port", { exact: true }).fill("70000");
        await form.getByRole("button", { name: "Save" }).click();
        await form.getByText("Small letters, digits, - and _").waitFor();
        await form.getByText("Say where it is.").waitFor();
        await form.getByText("Port '70000' is none.").waitFor();
        expect(await form.getByLabel("Name", { exact: true }).evaluate((input) => input === document.activeElement)).toBe(true);

        await form.getByLabel("Name", { exact: true }).fill("gpu-server");
        await form.getByRole("textbox", { name: "Address" }).fill("127.0.0.1");
        await form.getByLabel("Port", { exact: true }).fill(String(machine.line.port));
        await form.getByLabel("Key file").fill(machine.sshd.at("user"));
        await form.getByRole("button", { name: "Test", exact: true }).click();
        await form.getByText("It answers, and its host key is not known yet.").waitFor(PATIENCE);
        expect(await form.getByLabel("Fingerprint of the host key").innerText()).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
        expect(await steps(page)).toEqual(CHECKS.map((name, i) => `${name} ${i < 2 ? "ok" : i === 2 ? "failed" : "skipped"}`));

        await form.getByRole("button", { name: "Trust this key" }).click();
        await form.getByText(/Ready for work/).waitFor(PATIENCE);
        const told = await steps(page);
        expect(told).toHaveLength(CHECKS.length);
        expect(told.filter((step) => / (failed|skipped)$/.test(step))).toEqual([]);
        // What was tested is not what would be saved now.
        await form.getByLabel("User").fill("somebody");
        await form.getByText("changed since").waitFor();
        await form.getByLabel("User").fill("");
        await form.getByText("changed since").waitFor({ state: "detached" });

        await form.getByRole("button", { name: "Save" }).click();
        await page.getByRole("dialog").waitFor({ state: "detached" });
        const card = page.getByRole("article", { name: "Host gpu-server" });
        await card.getByText("online", { exact: true }).waitFor(PATIENCE);
        for (const mark of ["REMOTE", "SSH", /^via /]) await card.getByText(mark, { exact: true }).waitFor();
        await page.getByRole("navigation", { name: "Fleet" }).getByText("REMOTE").waitFor();

        await card.getByRole("button", { name: "Open a shell" }).click();
        await page.waitForURL(/\/sessions\/ses_/);
        await page.locator(".term-bar").getByText("REMOTE", { exact: true }).waitFor();
        await writing(page);
        await typeInto(page, 'basename "$HOME"\n');
        await terminalShows(page, basename(machine.home));
        expectClean(tab);
      });
    },
  );

  test("[SSH8] a Host of its carrier's ssh_config fills the form, until that is taken back, and is reached as the file says", async () => {
    const config = join(product.home.userHome, ".ssh", "config");
    await using tab = await user.open("/hosts");
    await journey("remote-config", tab, async (page) => {
      const form = await writeNew(page);
      const field = (name: string) => form.getByRole("textbox", { name, exact: true });
      const values = () => Promise.all(["Name", "Address", "User", "Port", "Key file"].map((name) => field(name).inputValue()));
      await field("User").fill("typed-before");
      await form.getByRole("button", { name: /^Take it from the ssh_config of/ }).click();
      await form.getByText(/^There is no ~\/\.ssh\/config on/).waitFor();
      await page.keyboard.press("Escape");
      await form.getByText(/^There is no/).waitFor({ state: "detached" });

      mkdirSync(join(config, ".."), { recursive: true, mode: 0o700 });
      const says = [
        "Host *.lab",
        "Host Box.Lab",
        " HostName 127.0.0.1",
        ` Port ${machine.line.port}`,
        ` IdentityFile ${machine.sshd.at("user")}`,
      ];
      writeFileSync(config, [...says, "Host odd", " RevokedHostKeys /k", ""].join("\n"), { mode: 0o600 });
      await page.keyboard.press("Enter");
      await form.getByRole("list", { name: /^Hosts in the ssh_config of/ }).waitFor();
      await form.getByRole("button", { name: /^odd/ }).and(page.locator(":disabled")).waitFor();
      await form.getByText(/config:7: RevokedHostKeys is not read here/).waitFor();
      await form.getByRole("button", { name: /^Box\.Lab/ }).click();
      await form.getByText("from ssh_config").waitFor();
      const filled = ["box-lab", "Box.Lab", "", String(machine.line.port), machine.sshd.at("user")];
      expect(await values()).toEqual(filled);
      await field("User").fill("edited");
      await form.getByRole("button", { name: "Clear" }).click();
      await form.getByText("from ssh_config").waitFor({ state: "detached" });
      expect(await values()).toEqual(["", "", "typed-before", "", ""]);

      await page.keyboard.press("Enter");
      await form.getByRole("button", { name: /^Box\.Lab/ }).click();
      await form.getByRole("button", { name: "Test", exact: true }).click();
      await form.getByText(/Ready for work/).waitFor(PATIENCE);
      await form.getByRole("button", { name: "Save" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      expectClean(tab);
    });
    const saved = await product.cliJson(z.looseObject({}), ["host", "show", "box-lab"]);
    expect(saved).toMatchObject({ address: "Box.Lab", sshConfig: true });
    for (const left of ["user", "port", "identity"]) expect(saved).not.toHaveProperty(left);
  });

  test("a name that is taken is said at the name, by the server", async () => {
    await using tab = await user.open("/hosts");
    await journey("remote-taken", tab, async (page) => {
      const form = await writeNew(page);
      await form.getByLabel("Name", { exact: true }).fill("gpu-server");
      await form.getByRole("textbox", { name: "Address" }).fill("192.0.2.1");
      await form.getByRole("button", { name: "Save" }).click();
      const name = form.getByLabel("Name", { exact: true });
      await form.getByText(/gpu-server.*(?:exists|taken|already)/i).waitFor();
      expect(await name.getAttribute("aria-invalid")).toBe("true");
      expectClean(tab);
    });
  });

  test(
    "[SSH28] changed to where nothing listens, it says why it is away; changed back, it is online again",
    { timeout: 240_000 },
    async () => {
      await using tab = await user.open("/hosts", { viewport: PHONE });
      await journey("remote-edit", tab, async (page) => {
        const card = page.getByRole("article", { name: "Host gpu-server" });
        await change(page, "1");
        const dialog = page.getByRole("dialog", { name: "Test gpu-server" });
        await dialog.getByText("Connection failed: work cannot be started there.").waitFor(PATIENCE);
        await dialog.getByRole("button", { name: "Close" }).last().click();
        await card.getByText(/refuses connections/).waitFor(PATIENCE);
        await page.goto(`${product.url}/`);
        await page.getByText("gpu-server cannot be reached.").waitFor(PATIENCE);
        await page.goto(`${product.url}/hosts`);

        await change(page, String(machine.line.port));
        await dialog.getByText(/Ready for work/).waitFor(PATIENCE);
        await dialog.getByRole("button", { name: "Close" }).last().click();
        await card.getByText("online", { exact: true }).waitFor(PATIENCE);
        await card.getByText("ready for work").waitFor(PATIENCE);
        expectClean(tab);
      });
    },
  );

  test(
    "[DISP9] [DISP19] a repository, a key, a cut line, the log collected, cleaned up: all of it in the console",
    { timeout: 180_000 },
    async () => {
      const repository = join(machine.home, "app.git");
      const git = (...args: string[]) => execFileSync("git", ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@t", ...args]);
      execFileSync("git", ["init", "-q", "--bare", repository]);
      const tree = git("write-tree").toString().trim();
      git("update-ref", "HEAD", git("commit-tree", tree, "-m", "of the repository").toString().trim());
      const key = randomUUID();
      const hold = join(machine.home, "hold");
      const script = join(machine.home, "work.sh");
      const says = ["git log --format=%s", 'printf %s "$GH_TOKEN" | sha256sum', 'while [ ! -e "$1" ]; do sleep 0.1; done', "pwd"];
      writeFileSync(script, `${says.join("\n")}\n`);
      await using tab = await user.open("/tasks");
      await journey("remote-dispatch", tab, async (page) => {
        await page.getByRole("button", { name: "Dispatch a task" }).first().click();
        const dialog = page.getByRole("dialog");
        await dialog.getByText("Command", { exact: true }).click();
        await dialog.getByLabel("Command").last().fill(`sh '${script}' '${hold}'`);
        await dialog.getByLabel("Host", { exact: true }).selectOption("gpu-server");
        await dialog.getByText("Repository, container, environment, keys").click();
        await dialog.getByLabel("Repository", { exact: true }).fill(pathToFileURL(repository).href);
        await dialog.getByLabel("Branch", { exact: true }).fill("fix/console");
        await dialog.getByRole("button", { name: "Add a key" }).click();
        await dialog.getByLabel("Name of key 1").fill("SOME_TOKEN");
        const value = dialog.getByLabel("Value of SOME_TOKEN");
        await value.fill(key);
        expect(await value.getAttribute("type")).toBe("password");
        await dialog.getByRole("button", { name: "Dispatch", exact: true }).click();
        await dialog.getByText(/The environment name SOME_TOKEN is not forwarded/).waitFor();
        const name = dialog.getByLabel("Name of key 1");
        expect(await name.evaluate((input) => input === document.activeElement)).toBe(true);
        await screenshot(page, "remote-dispatch-refused");
        await name.fill("GH_TOKEN");
        await dialog.getByRole("button", { name: "Dispatch", exact: true }).click();

        await page.waitForURL(/\/tasks\/tsk_/);
        const log = page.getByTestId("log");
        await log.getByText("of the repository").waitFor(PATIENCE);
        await log.getByText(createHash("sha256").update(key).digest("hex")).waitFor(PATIENCE);
        machine.line.cutAll();
        writeFileSync(hold, "");
        await log.getByText(/commands\/tsk_\w+\/repo/).waitFor(PATIENCE);
        await page.getByTestId("task").and(page.locator('[data-state="completed"]')).waitFor(PATIENCE);
        for (const fact of ["fix/console", pathToFileURL(repository).href])
          await page.getByLabel("Details").getByText(fact, { exact: true }).waitFor();
        const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download the log" }).click()]);
        const saved = readFileSync(await file.path(), "utf8");
        const workspace = dirname(saved.trimEnd().split("\n").at(-1) ?? "");
        expect(existsSync(join(workspace, "repo"))).toBe(true);
        expect(saved).not.toContain(key);

        await page.getByRole("button", { name: "Clean up" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Clean up" }).click();
        const cleaned = page.getByRole("dialog").getByRole("listitem").filter({ hasText: workspace });
        await cleaned.getByText("removed", { exact: true }).waitFor(PATIENCE);
        expect(await cleaned.innerText()).toContain("gpu-server");
        expect(existsSync(workspace)).toBe(false);
        await screenshot(page, "remote-cleaned");
        await page.keyboard.press("Escape");
        await log.getByText("of the repository").waitFor();
      });
    },
  );

  test("it is switched off, on, tested and removed, with nothing but keys", { timeout: 240_000 }, async () => {
    await using tab = await user.open("/hosts");
    await journey("remote-off", tab, async (page) => {
      const card = page.getByRole("article", { name: "Host gpu-server" });
      const choose = async (name: RegExp): Promise<void> => {
        await card.getByRole("button", { name: "Actions for gpu-server" }).focus();
        await page.keyboard.press("Enter");
        await page.getByRole("menuitem", { name }).focus();
        await page.keyboard.press("Enter");
      };
      await choose(/Switch off/);
      await card.getByText("off", { exact: true }).waitFor();
      await card.getByRole("button", { name: "Open a shell" }).and(page.locator(":disabled")).waitFor(PATIENCE);
      await choose(/Switch on/);
      await card.getByText("online", { exact: true }).waitFor(PATIENCE);
      await choose(/Test it/);
      await page
        .getByRole("dialog")
        .getByText(/Ready for work/)
        .waitFor(PATIENCE);
      await page.keyboard.press("Escape");
      await choose(/Remove/);
      const dialog = page.getByRole("dialog", { name: "Remove gpu-server?" });
      await dialog.getByText("on the machine itself nothing is changed").waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await card.waitFor({ state: "detached" });
      expectClean(tab);
    });
  });
});

async function writeNew(page: Page) {
  await page.getByRole("button", { name: "Add a machine" }).first().click();
  await page.getByText("Reach it by SSH").click();
  return page.getByRole("form", { name: "Remote host" });
}

/** Of the port, the only thing that is changed. */
async function change(page: Page, port: string): Promise<void> {
  await page.getByRole("button", { name: "Actions for gpu-server" }).click();
  await page.getByRole("menuitem", { name: "Edit…" }).click();
  const form = page.getByRole("form", { name: "Remote host" });
  await form.getByLabel("Port", { exact: true }).fill(port);
  await form.getByRole("button", { name: "Save" }).click();
}

/** `tmux ok`, in their order. */
const steps = (page: Page): Promise<string[]> =>
  page
    .locator("[data-step]")
    .evaluateAll((rows) => rows.map((row) => `${row.getAttribute("data-step") ?? ""} ${row.getAttribute("class") ?? ""}`));
