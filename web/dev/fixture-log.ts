/** Made-up logs: a short one with everything that may stand in one, and a long one that grows while it is followed. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";

const c = (code: string, text: string): string => `\u001b[${code}m${text}\u001b[0m`;
const TEST_LOG = [
  c("2", "> storefront@4.1.0 test"),
  c("2", "> vitest run"),
  "",
  ` ${c("1;46;30", " RUN ")} ${c("36", "v5.1.1")} ${c("90", "/home/ada/projects/storefront")}`,
  "",
  ...Array.from(
    { length: 60 },
    (_, i) =>
      ` ${c("32", "✓")} ${c("2", "packages/")}cart/src/part-${i}.test.ts ${c("2", `(${3 + (i % 7)} tests)`)} ${c("33", `${12 + i * 3}ms`)}`,
  ),
  ` ${c("31", "❯")} packages/cart/src/total.test.ts ${c("2", "(9 tests | ")}${c("31", "1 failed")}${c("2", ")")}`,
  `   ${c("31", "×")} ${c("31", "rounds half a cent to even")}`,
  `     ${c("38;2;215;119;87", "→ expected 42.005 to be 42.00 // Object.is equality")}`,
  "",
  `${c("41;97", " FAIL ")} packages/cart/src/total.test.ts ${c("2", ">")} rounds half a cent to even`,
  `${c("38;5;208", "AssertionError")}: expected 42.005 to be 42.00`,
  `\tat ${c("4", "packages/cart/src/total.test.ts:61:18")}`,
  '{"type":"assistant","message":{"model":"claude-opus-4-5","content":[{"type":"text","text":"The test waits for a fixed half second; the cart settles when the last price has come, which takes longer when the machine is busy."}],"usage":{"input_tokens":4,"cache_read_input_tokens":18231,"output_tokens":212}},"session_id":"5f0e1d1c-8a8e-4d54-a1e3-0c9a5a2b7f10"}',
  "\u001b]0;a title nobody sees\u0007<script>alert(1)</script> 漢字とかな and \u202eright to left",
  "downloading  10%\rdownloading  55%\rdownloading 100%",
].join("\n");
const BIG = Buffer.from(
  Array.from(
    { length: 60_000 },
    (_, i) =>
      `${c("90", `12:${String(Math.floor(i / 60) % 60).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}`)} ${c(i % 17 === 3 ? "33" : "36", i % 17 === 3 ? "WARN" : "INFO")} bundle ${i + 1} built in ${120 + (i % 97)} ms and uploaded with ${i % 1300} objects`,
  ).join("\n") + "\n",
);

/** `start`, then a line now and then when it is followed and still running. */
export function serveLog(request: IncomingMessage, response: ServerResponse, id: string): void {
  const query = new URL(request.url ?? "/", "http://x").searchParams;
  const live = id === "att_run" || id === "att_soak";
  const whole = live || id === "att_m2" ? BIG : Buffer.from(`${TEST_LOG}\n`);
  const lines = Number(query.get("tailLines") ?? 0);
  let start = Math.min(whole.byteLength, Number(query.get("offset") ?? 0));
  if (lines > 0) for (let i = 0, at = whole.byteLength - 1; i < lines && at >= 0; i++) start = (at = whole.lastIndexOf(10, at - 1)) + 1;
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    [LOG_HEADERS.start]: String(start),
    [LOG_HEADERS.bytes]: String(whole.byteLength),
    [LOG_HEADERS.complete]: String(!live),
  });
  response.write(whole.subarray(start));
  if (!live || query.get("follow") !== "true") return void response.end();
  let n = 0;
  const flood = Number(process.env["FLOOD"] ?? 0);
  const timer = setInterval(
    () => {
      if (flood > 0 && n++ < flood) return void response.write(BIG.subarray(0, 1 << 20));
      response.write(
        `${c("90", new Date().toISOString().slice(11, 19))} ${c("32", "live")} step ${++n}: ${"reading and changing files ".repeat(1 + (n % 4))}\n`,
      );
    },
    flood > 0 ? 20 : 300,
  );
  response.on("close", () => clearInterval(timer));
}
