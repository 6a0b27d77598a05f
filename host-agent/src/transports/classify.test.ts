import { execFile } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { ERRORS } from "@maestro/shared/errors";
import { classifyRun } from "../adapters/headless/run-failure.ts";
import { classifyConnection } from "./classify.ts";
import { HINTS } from "./hints.ts";

test.each([
  ["me@gpu: Permission denied (publickey).", "ssh_auth_failed"],
  ["ssh: connect to host gpu port 22: Connection refused", "ssh_unreachable"],
  ["ssh: connect to host gpu port 22: Connection timed out", "ssh_timeout"],
  ["ssh: connect to host gpu port 22: Operation timed out", "ssh_timeout"],
  ["ssh: connect to host gpu port 22: No route to host", "ssh_unreachable"],
  ["ssh: Could not resolve hostname gpu: Name or service not known", "name_unresolved"],
  ["getaddrinfo gpu: Name or service not known", "name_unresolved"],
  ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "host_key_changed"],
  ["No ED25519 host key is known for gpu\nHost key verification failed.", "host_key_unknown"],
  ["Enter passphrase for key '/home/me/.ssh/id'", "key_passphrase_needed"],
  ["Warning: Identity file /home/me/.ssh/id not accessible: No such file or directory.", "key_file_missing"],
  ["Warning: Identity file x not accessible: No such file or directory.\nme@gpu: Permission denied (publickey).", "ssh_auth_failed"],
])("[SSH22] %j is %s", (stderr, code) => {
  const error = classifyConnection(stderr, "gpu");
  expect(error).toMatchObject({ code, field: "address" });
  expect(error.detail).toMatch(/^gpu .+\.$/);
  expect(error.hint).toBeTruthy();
});

test("[SSH22] what is not known is told as it was said, without what acts on a terminal; nothing is told as nothing", () => {
  expect(classifyConnection("kex_exchange: odd \u001b[2J\n", "gpu")).toMatchObject({
    code: "ssh_failed",
    detail: "kex_exchange: odd \\u{1b}[2J",
  });
  expect(classifyConnection(" \n", "gpu")).toMatchObject({
    code: "ssh_failed",
    detail: "The connection to gpu failed, and ssh said nothing.",
  });
  expect(classifyConnection(`${"x".repeat(10_000)}the end`, "gpu").detail).toMatch(/^x{1017}the end$/);
});

test("each hint is short and of a code; what the network does may be retried, what is refused may not", () => {
  for (const [code, hint] of Object.entries(HINTS)) {
    expect(hint.length).toBeLessThan(300);
    expect(ERRORS).toHaveProperty(code);
  }
  expect([ERRORS.ssh_unreachable.retryable, ERRORS.ssh_timeout.retryable, ERRORS.ssh_lost.retryable]).toEqual([true, true, true]);
  expect([ERRORS.ssh_auth_failed.retryable, ERRORS.name_unresolved.retryable, ERRORS.host_key_changed.retryable]).toEqual([
    false,
    false,
    false,
  ]);
});

test("the words of the ssh that is installed are known", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const ssh = (...argv: string[]) =>
    new Promise<string>((resolve) => {
      const options = ["-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1"];
      execFile("ssh", [...options, ...argv, "true"], (_error, _stdout, stderr) => resolve(stderr));
    });
  const silent = await ssh("-p", String(port), "127.0.0.1");
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  const refused = await ssh("-p", String(port), "127.0.0.1");
  const unnamed = await ssh("no-such-host.invalid");
  expect([silent, refused, unnamed].map((stderr) => [classifyConnection(stderr, "h").code, classifyRun(stderr)?.kind])).toEqual([
    ["ssh_timeout", "network_error"],
    ["ssh_unreachable", "network_error"],
    ["name_unresolved", "network_error"],
  ]);
});
