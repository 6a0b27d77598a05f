/** The console in a browser as a lane for hostile output, and a console that obeys it, to show that the judge sees it. */
import { encodeFrame } from "@maestro/shared/protocol/frame";
import { encodeControl } from "@maestro/shared/protocol/codec";
import type { ViewerFrame } from "@maestro/shared/protocol/viewer";
import type { HostileEffect } from "../fixtures/hostile-escapes.ts";
import type { TestPage } from "./browser.ts";
import type { HostileLane } from "./hostile.ts";
import type { Product } from "./maestro.ts";

const MINE = "mine";
const SHOWN_WITHIN_MS = 15_000;

/** The page shows the session and has the pen. */
export async function browserLane({ page, problems }: TestPage, product: Product): Promise<HostileLane> {
  const { url } = product;
  const address = page.url();
  const setClipboard = () => page.evaluate((text) => navigator.clipboard.writeText(text), MINE);
  const counts = () => ({ popup: problems.popups.length + problems.dialogs.length, download: problems.downloads.length });
  let before = counts();
  await setClipboard();
  return {
    shown: async ({ written }) => {
      await page.waitForFunction(
        (offset) => Number(document.querySelector<HTMLElement>("[data-testid=terminal]")?.dataset["written"] ?? 0) >= offset,
        written,
        { timeout: SHOWN_WITHIN_MS, polling: 20 },
      );
    },
    type: async (key) => {
      await page.locator(".xterm-helper-textarea").focus();
      await page.keyboard.type(key);
    },
    effects: async () => {
      const found: HostileEffect[] = [];
      if (page.url() !== address) {
        found.push("navigation");
        await page.evaluate((to) => history.replaceState(undefined, "", to), address.slice(url.length));
      }
      if ((await page.evaluate(() => navigator.clipboard.readText())) !== MINE) {
        found.push("clipboard");
        await setClipboard();
      }
      const seen = counts();
      if (seen.popup > before.popup) found.push("popup");
      if (seen.download > before.download) found.push("download");
      before = seen;
      return found;
    },
  };
}

const RESIZE: ViewerFrame = { t: "resize", cols: 20, rows: 10 };
const input = (text: string): string =>
  Buffer.from(encodeFrame({ kind: "input", flags: 0, epoch: 0, channel: 0, offset: 0, payload: new TextEncoder().encode(text) })).toString(
    "base64",
  );

/**
 * Makes the console of a page do what output says: copy for OSC 52, open for OSC 9, download for iTerm2's files,
 * answer a title report, resize for `CSI 8 t`, navigate for a link. Call before the page is opened.
 */
export async function plantLeaks({ context }: TestPage): Promise<void> {
  await context.addInitScript(
    ({ reply, resize }) => {
      const RealSocket = window.WebSocket;
      const obey = (socket: WebSocket, text: string): void => {
        if (text.includes("\u001b]52;c;Y3V")) void navigator.clipboard.writeText("theirs");
        if (text.includes("\u001b]9;")) window.open("about:blank");
        if (text.includes("\u001b]8;;javascript")) history.pushState(undefined, "", "/stolen");
        if (text.includes("\u001b[21t")) socket.send(Uint8Array.from(atob(reply), (char) => char.charCodeAt(0)));
        if (text.includes("\u001b[8;10;20t")) socket.send(resize);
        if (text.includes("\u001b]1337;File=")) {
          const link = document.createElement("a");
          link.href = URL.createObjectURL(new Blob(["evil"]));
          link.download = "evil.sh";
          link.click();
        }
      };
      window.WebSocket = class extends RealSocket {
        constructor(address: string | URL, protocols?: string | string[]) {
          super(address, protocols);
          this.addEventListener("message", ({ data }) => data instanceof ArrayBuffer && obey(this, new TextDecoder().decode(data)));
        }
      };
    },
    { reply: input("\u001b]l\rid\r\u001b\\"), resize: encodeControl(RESIZE) },
  );
}
