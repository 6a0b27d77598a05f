/** Opens the user's browser, where there is one. */
import { spawn } from "node:child_process";

/** False when there is no desktop to open it on. */
export function openBrowser(url: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const desktop = process.platform === "darwin" || env["DISPLAY"] !== undefined || env["WAYLAND_DISPLAY"] !== undefined;
  if (!desktop) return Promise.resolve(false);
  // The link is a secret of one use and ten minutes; a browser can only be told through its arguments.
  const child = spawn(process.platform === "darwin" ? "open" : "xdg-open", [url], { stdio: "ignore", detached: true });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}
