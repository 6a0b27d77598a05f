/** Takes pictures of every page at both sizes and schemes, and prints what the browser complained about. `node web/dev/look.ts <login url> <out dir> [dark|light]` */
import { chromium, type Page } from "playwright-core";

const [, , url = "", out = "/tmp/look", scheme = "dark"] = process.argv;
const origin = new URL(url).origin;
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
for (const [name, viewport] of [
  ["wide", { width: 1440, height: 900 }],
  ["phone", { width: 390, height: 844 }],
] as const) {
  const context = await browser.newContext({
    viewport,
    colorScheme: scheme === "light" ? "light" : "dark",
    hasTouch: name === "phone",
    isMobile: name === "phone",
  });
  const page = await context.newPage();
  page.on("console", (message) => console.log(`${name} console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => console.log(`${name} page error: ${error.message}`));
  const shot = async (label: string): Promise<void> => void (await page.screenshot({ path: `${out}/${scheme}-${name}-${label}.png` }));
  await page.goto(`${origin}/login`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await shot("login");
  await page.goto("about:blank");
  await page.goto(url);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.waitForTimeout(700);
  console.log(`${name} after sign-in: ${page.url()}`);
  await shot("overview");
  await visit(page, "/hosts", "hosts", shot);
  await visit(page, "/agents", "agents", shot);
  if (name === "phone") {
    await page.getByRole("button", { name: "Open the menu" }).first().click();
    await page.waitForTimeout(300);
    await shot("drawer");
  }
  for (const session of process.env["SESSIONS"]?.split(",") ?? ["ses_claude", "ses_shell", "ses_watch", "ses_ended"])
    await visit(page, `/sessions/${session}`, session, shot);
  await context.close();
}
await browser.close();

async function visit(page: Page, path: string, label: string, shot: (label: string) => Promise<void>): Promise<void> {
  await page.goto(origin + path);
  await page.waitForTimeout(1_200);
  await shot(label);
}
