/** Takes pictures of every page at both sizes and schemes, and prints what the browser complained about. `node web/dev/look.ts <login url> <out dir> [dark|light]` */
import { onEachScreen, origin, url, type Screen } from "./pictures.ts";

await onEachScreen(async (screen) => {
  const { name, page, shot } = screen;
  await page.goto(`${origin}/login`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await shot("login");
  await page.goto("about:blank");
  await page.goto(url);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.waitForTimeout(700);
  console.log(`${name} after sign-in: ${page.url()}`);
  await shot("overview");
  await visit(screen, "/hosts", "hosts");
  await visit(screen, "/agents", "agents");
  if (name === "phone") {
    await page.getByRole("button", { name: "Open the menu" }).first().click();
    await page.waitForTimeout(300);
    await shot("drawer");
  }
  for (const session of process.env["SESSIONS"]?.split(",") ?? ["ses_claude", "ses_shell", "ses_watch", "ses_ended"])
    await visit(screen, `/sessions/${session}`, session);
});

async function visit({ page, shot }: Screen, path: string, label: string): Promise<void> {
  await page.goto(origin + path);
  await page.waitForTimeout(1_200);
  await shot(label);
}
