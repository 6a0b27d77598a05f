/** A browser at both sizes, for pictures of pages; prints what it complains about. */
import { chromium, type Page } from "playwright-core";

const [, , url = "", out = "/tmp/look", given = "dark", ...labels] = process.argv;
const scheme = given === "light" ? "light" : "dark";
const SCREENS = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;

/** As they stand in the command line: `<login url> <out dir> [dark|light] [label…]`. */
export { url, labels };
export const origin = new URL(url).origin;

export interface Screen {
  name: keyof typeof SCREENS;
  width: number;
  page: Page;
  shot(label: string): Promise<void>;
}

export async function onEachScreen(visit: (screen: Screen) => Promise<void>): Promise<void> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  for (const name of ["wide", "phone"] as const) {
    const isPhone = name === "phone";
    const context = await browser.newContext({ viewport: SCREENS[name], colorScheme: scheme, hasTouch: isPhone, isMobile: isPhone });
    const page = await context.newPage();
    page.on("console", (message) => console.log(`${name} console ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => console.log(`${name} page error: ${error.message}`));
    const shot = async (label: string): Promise<void> => void (await page.screenshot({ path: `${out}/${scheme}-${name}-${label}.png` }));
    await visit({ name, width: SCREENS[name].width, page, shot });
    await context.close();
  }
  await browser.close();
}
