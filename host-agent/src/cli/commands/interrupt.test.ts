/** Ctrl-C while the real process waits: the task goes on, and the person is told how to come back to it. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { expect, test } from "vitest";
import { BIN } from "../../daemon/testing/programs.ts";
import { TOKEN } from "../testing/fake-server.ts";
import { fakeTarget, fakeTask, TASK } from "../testing/fake-task.ts";

test.each([
  [
    ["task", "dispatch", "x", "--sync"],
    `Interrupted; task ${TASK} goes on. (interrupted)\n  Follow it: maestro logs ${TASK} --follow; cancel it: maestro task cancel ${TASK}\n`,
  ],
  [["task", "wait", TASK], `task ${TASK} goes on`],
  [["logs", `att_${TASK.slice(4)}`, "--follow"], ""],
  [["state", "watch"], ""],
  [["events", "--follow"], ""],
])("%j exits 130 at once, and cancels nothing", { timeout: 60_000 }, async (argv, told) => {
  const asked: string[] = [];
  let interrupted = false;
  const task = fakeTask({}, fakeTarget("reviewer", { status: "running" }));
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.method === "POST") return void response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(task));
    // What waits gets its headers or nothing, and no end.
    if (request.url?.includes("/wait") !== true) response.writeHead(200, { "content-type": "application/octet-stream" }).flushHeaders();
    // Once: a second one would meet a process that is on its way out.
    if (!interrupted) child.kill("SIGINT");
    interrupted = true;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
  const child = spawn(process.execPath, [BIN, ...argv], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: "/nonexistent",
      MAESTRO_HOME: "/nonexistent/m",
      MAESTRO_URL: url,
      MAESTRO_TOKEN: TOKEN,
    },
  });
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  server.closeAllConnections();
  server.close();
  expect({ code, stderr }).toMatchObject({ code: 130, stderr: expect.stringContaining(told) });
  expect(stderr).not.toMatch(/internal|\n\s+at /);
  expect(asked.filter((one) => one.includes("cancel"))).toEqual([]);
});
