/**
 * Every case of the corpus of hostile output against the built console in Chromium, as writer (live), as
 * writer (replayed and in a screen) and as watcher. Prints what got out. `node web/dev/hostile.ts <login url>`
 */
import { decodeFrame, encodeFrame, FLAG } from "@maestro/shared/protocol/frame";
import { chromium, type WebSocketRoute } from "playwright-core";
import { decodeCase, HostileCorpus } from "../../test/fixtures/hostile-escapes.ts";
import { readFileSync } from "node:fs";

const [, , url = ""] = process.argv;
const origin = new URL(url).origin;
const corpus = HostileCorpus.parse(JSON.parse(readFileSync(new URL("../../test/fixtures/hostile-escapes.json", import.meta.url), "utf8")));
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
const page = await context.newPage();
const trouble: string[] = [];
page.on("console", (message) => message.type() === "error" && trouble.push(`console: ${message.text()}`));
page.on("pageerror", (error) => trouble.push(`page error: ${error.message}`));
context.on("page", () => trouble.push("a page was opened"));
page.on("dialog", (dialog) => void (trouble.push("a dialog was opened"), dialog.dismiss()));
page.on("download", () => trouble.push("a download began"));

let socket: WebSocketRoute | undefined;
let inputs: string[] = [];
let offset = 0;
let resizes = 0;
let acked = 0;
let attached = (): void => undefined;
const say = (frame: object): void => socket?.send(JSON.stringify(frame));
const session = {
  id: "ses_shell",
  name: "hostile",
  backend: "pty",
  title: "",
  cwd: "/",
  command: "x",
  cols: 80,
  rows: 24,
  createdMs: 0,
  lastActivityMs: 0,
  epoch: 1,
};
let writing = true;

await page.routeWebSocket(/\/attach$/, (ws) => {
  socket = ws;
  ws.onMessage((message) => {
    if (message === "ping") return ws.send("pong");
    if (typeof message !== "string") {
      const frame = decodeFrame(message);
      if (frame.ok && frame.value !== undefined) inputs.push(Buffer.from(frame.value.payload).toString("latin1"));
      return;
    }
    const frame = JSON.parse(message);
    if (frame.t === "ack") acked = frame.offset;
    if (frame.t === "resize") resizes++;
    if (frame.t !== "hello") return;
    say({
      t: "welcome",
      version: 1,
      viewer: "v",
      resume: "r",
      session,
      canWrite: true,
      host: { id: "hst_laptop", name: "laptop", connected: true },
    });
    say({ t: "pen", writer: { viewer: "v", name: "You" }, you: writing, viewers: 1 });
    say({ t: "snapshot", epoch: 1, offset, bytes: 0, cols: 80, rows: 24, lines: 0 });
    attached();
  });
});
await page.goto(url);
await page.getByRole("heading", { name: "Overview" }).waitFor();

const only = Number(process.env["ONLY"] ?? corpus.length);
corpus.splice(only);
for (const mode of ["live", "replay", "screen", "watch"] as const) {
  writing = mode !== "watch";
  const ready = new Promise<void>((resolve) => (attached = resolve));
  await page.goto(`${origin}/sessions/ses_shell`);
  await ready;
  await page.getByTestId("terminal").click();
  await page.waitForTimeout(300);
  let replied = 0;
  for (const one of corpus) {
    await page.evaluate(() => navigator.clipboard.writeText("untouched"));
    if (process.env["TRACE"] !== undefined) console.log(`${mode} ${one.name}`);
    inputs = [];
    resizes = 0;
    for (const piece of decodeCase(one)) {
      if (mode === "screen") {
        say({ t: "snapshot", epoch: 1, offset, bytes: piece.byteLength, cols: 80, rows: 24, lines: 0 });
        for (let at = 0; at < piece.byteLength; at += 200_000)
          socket?.send(
            Buffer.from(
              encodeFrame({
                kind: "snapshot",
                flags: at + 200_000 >= piece.byteLength ? FLAG.last : 0,
                epoch: 1,
                channel: 0,
                offset,
                payload: piece.subarray(at, at + 200_000),
              }),
            ),
          );
      } else
        for (let at = 0; at < piece.byteLength; at += 200_000) {
          const payload = piece.subarray(at, at + 200_000);
          socket?.send(
            Buffer.from(encodeFrame({ kind: "output", flags: mode === "replay" ? FLAG.replay : 0, epoch: 1, channel: 0, offset, payload })),
          );
          offset += payload.byteLength;
        }
    }
    const startedMs = Date.now();
    const end = offset;
    const parsed = (written: number): boolean =>
      document.querySelector("[data-testid=terminal]")?.getAttribute("data-written") === String(written);
    await page
      .waitForFunction(parsed, end, { timeout: 30_000 })
      .catch(() => trouble.push(`${one.name}: not parsed (acked ${acked} of ${end})`));
    await page.waitForTimeout(15);
    if (Date.now() - startedMs > 1_500) console.log(`${mode} ${one.name}: slow, ${Date.now() - startedMs} ms`);
    const allowed = mode === "live" && one.writerMayReply;
    if (inputs.length > 0 && allowed) replied++;
    if (inputs.length > 0 && !allowed) trouble.push(`${mode} ${one.name}: sent ${JSON.stringify(inputs)}`);
    if (resizes > 0) trouble.push(`${mode} ${one.name}: resized`);
    if ((await page.evaluate(() => navigator.clipboard.readText())) !== "untouched")
      trouble.push(`${mode} ${one.name}: wrote the clipboard`);
    if (page.url() !== `${origin}/sessions/ses_shell`) trouble.push(`${mode} ${one.name}: navigated to ${page.url()}`);
    // A soft reset, so that one case cannot hide the next.
    socket?.send(
      Buffer.from(encodeFrame({ kind: "output", flags: FLAG.replay, epoch: 1, channel: 0, offset, payload: Buffer.from("\u0018\u001bc") })),
    );
    offset += 3;
  }
  console.log(`${mode}: ${corpus.length} cases, ${replied} permitted replies`);
}
console.log(trouble.length === 0 ? "nothing got out" : trouble.join("\n"));
await browser.close();
process.exit(trouble.length === 0 ? 0 : 1);
