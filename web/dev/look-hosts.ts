/** Takes pictures of adding, testing and editing remote hosts. `node web/dev/look-hosts.ts <login url> <out dir> [dark|light]` */
import { onEachScreen, origin, url, type Screen } from "./pictures.ts";

await onEachScreen(async (screen) => {
  const { page, shot } = screen;
  await page.goto(url);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.waitForTimeout(500);
  await shot("overview");
  await page.goto(`${origin}/hosts`);
  await page.getByRole("article", { name: "Host gpu-server" }).waitFor();
  await shot("hosts");
  await page.getByRole("article", { name: "Host nas" }).scrollIntoViewIfNeeded();
  await shot("hosts-2");
  await page.getByRole("button", { name: "Add a machine" }).first().click();
  await page
    .getByRole("dialog", { name: "Confirm that it is you" })
    .waitFor({ timeout: 1_500 })
    .catch(() => undefined);
  if (await page.getByRole("dialog", { name: "Confirm that it is you" }).isVisible()) await page.keyboard.press("Escape");
  await shot("join");
  await page.getByText("Reach it by SSH").click();
  await shot("form");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForTimeout(200);
  await shot("form-wrong");
  await page.getByLabel("Name", { exact: true }).fill("gpu");
  await page.getByLabel("Port", { exact: true }).fill("70000");
  await page.getByText("Directory, container").click();
  await page.getByRole("button", { name: "Add an option" }).click();
  await page.keyboard.type("ProxyCommand");
  await page.keyboard.press("Tab");
  await page.keyboard.type("nc %h 22");
  await page.getByRole("button", { name: "Add a variable" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Test", exact: true }).click();
  await page.waitForTimeout(200);
  await shot("form-open-wrong");
  await page.getByRole("button", { name: "Remove ProxyCommand" }).scrollIntoViewIfNeeded();
  await shot("form-pairs");
  await page.getByRole("button", { name: "Remove ProxyCommand" }).click();
  await page.getByLabel("Port", { exact: true }).fill("");
  await page.getByLabel("Reached from").selectOption({ label: "laptop" });
  await page.getByRole("button", { name: /^Take it from/ }).click();
  await page.getByRole("button", { name: /^gpu/ }).waitFor();
  await shot("ssh-config");
  await page.getByRole("button", { name: /^gpu/ }).click();
  await shot("ssh-config-taken");
  await page.getByRole("button", { name: "Clear" }).click();
  await testAs(screen, "new.example.com", "unknown-key");
  await page.getByRole("button", { name: "Trust this key" }).click();
  await page.getByText(/Ready for work/).waitFor();
  await shot("tested-ok");
  await testAs(screen, "closed.example.com", "failed");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForTimeout(400);
  await shot("refused");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Actions for gpu-server" }).click();
  await shot("menu");
  await page.getByRole("menuitem", { name: "Edit…" }).click();
  await page.waitForTimeout(200);
  await shot("edit");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Actions for gpu-server" }).click();
  await page.getByRole("menuitem", { name: /Remove/ }).click();
  await shot("remove");
  await page.keyboard.press("Escape");
  await page.goto(`${origin}/`);
  await page.getByRole("button", { name: "New session" }).last().click();
  await page.waitForTimeout(200);
  await shot("new-session");
  await page.goto(`${origin}/sessions/ses_far`);
  await page.waitForTimeout(900);
  await shot("terminal");
  await page.goto(`${origin}/tasks`);
  await page.getByRole("button", { name: "Dispatch a task" }).first().click();
  await page.waitForTimeout(200);
  await shot("dispatch");
  await page.goto(`${origin}/agents`);
  await page.getByRole("button", { name: "Assign an agent" }).first().click();
  await page.waitForTimeout(200);
  await shot("assign");
});

async function testAs({ page, shot }: Screen, address: string, label: string): Promise<void> {
  await page.getByRole("textbox", { name: "Address" }).fill(address);
  await page.getByRole("dialog").getByRole("button", { name: /^Test/ }).click();
  await page.getByText(/Testing from/).waitFor();
  await page.waitForTimeout(400);
  await shot(`${label}-running`);
  await page
    .getByRole("listitem")
    .filter({ hasText: "Clock" })
    .getByText(/step with|not reached/)
    .first()
    .waitFor({ state: "attached" });
  await page.waitForTimeout(200);
  await shot(label);
}
