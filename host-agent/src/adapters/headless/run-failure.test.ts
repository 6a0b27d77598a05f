/** [SSH23] */
import { expect, test } from "vitest";
import { isTransient } from "@maestro/shared/contract/task-reasons";
import { BUILTIN } from "../builtin.ts";
import { classifyRun, failureOfWay } from "./run-failure.ts";

test.each([
  ["Permission denied (publickey,keyboard-interactive)", "permission_denied", false],
  ["me@gpu: Permission denied (publickey).", "permission_denied", false],
  ["Host key verification failed.", "permission_denied", false],
  ["Unable to negotiate with 10.0.0.5 port 22: no matching host key type found. Their offer: ssh-rsa", "permission_denied", false],
  ["Enter passphrase for key '/home/me/.ssh/id':", "permission_denied", false],
  ["ssh: connect to host h port 22: Connection refused", "network_error", true],
  ["connect to host h port 22: Connection refused", "network_error", true],
  ["ssh: connect to host h port 22: Connection timed out", "network_error", true],
  ["ssh: connect to host h port 22: Operation timed out", "network_error", true],
  ["ssh: connect to host h port 22: No route to host", "network_error", true],
  ["ssh: connect to host h port 22: Connection reset by peer", "network_error", true],
  ["ssh: connect to host h port 22: Network is unreachable", "network_error", true],
  ["ssh: Connection closed by 10.0.0.5 port 22", "network_error", true],
  ["kex_exchange_identification: Connection closed by remote host", "network_error", true],
  ["Connection to gpu closed by remote host.", "network_error", true],
  ["Connection timed out during banner exchange", "network_error", true],
  ["ssh: Could not resolve hostname gpu: Name or service not known", "network_error", false],
  ["bash: codex: command not found", "agent_crashed", false],
  ["bash: line 1: codex: command not found", "agent_crashed", false],
  ["sh: 1: codex: not found", "agent_crashed", false],
  ["/bin/sh: 1: codex: not found", "agent_crashed", false],
  ["zsh: command not found: claude", "agent_crashed", false],
  ["fish: Unknown command: claude", "agent_crashed", false],
  ["/usr/local/bin/claude: No such file or directory", "agent_crashed", false],
  ["bash: /usr/local/bin/claude: No such file or directory", "agent_crashed", false],
  ["/srv/runner/ab12.sh: 601: exec: kilo: not found", "agent_crashed", false],
  ["/srv/runner/ab12.sh: line 601: /opt/kilo: No such file or directory", "agent_crashed", false],
  ["/srv/runner/ab12.sh: exec: line 601: kilo: not found", "agent_crashed", false],
  ["/srv/runner/ab12.sh: 601: exec: /opt/kilo: Permission denied", "agent_crashed", false],
  ["/srv/runner/ab12.sh: 601: exec: /opt/kilo: Exec format error", "agent_crashed", false],
  ["/srv/runner/ab12.sh: line 601: /opt/kilo: cannot execute: required file not found", "agent_crashed", false],
  ["env: node: No such file or directory", "agent_crashed", false],
  ["/usr/bin/env: ‘node’: No such file or directory", "agent_crashed", false],
  ["/home/me/.bashrc: line 7: syntax error near unexpected token `fi'", "agent_crashed", false],
  ["/home/me/.zshrc:7: parse error near `fi'", "agent_crashed", false],
  ["ssh: Broken pipe", "agent_crashed", true],
  ["client_loop: send disconnect: Broken pipe", "agent_crashed", true],
  ["ssh: packet corrupt", "agent_crashed", true],
  ["ssh: protocol error: unexpected message", "agent_crashed", true],
])("[SSH23] %j is %s, recoverable: %s", (stderr, kind, recoverable) => {
  expect(classifyRun(stderr)).toMatchObject({ kind, recoverable });
  expect(classifyRun(`a line before\n${stderr}\na line after`)).toMatchObject({ kind, recoverable });
});

test.each([
  "command not found: something",
  "cat: f.txt: No such file or directory",
  "cat: /etc/f.txt: No such file or directory",
  "claude: error: File f.txt: No such file or directory",
  "Error reading claude-config.json: No such file or directory",
  "The tests pass. Permission denied is what the user sees without a role.",
  "Connected to the server",
  "write EPIPE: Broken pipe",
  "",
])("[SSH23] %j is nothing of the kind", (text) => expect(classifyRun(text)).toBeUndefined());

test("a text made to take long does not", () => {
  const started = performance.now();
  for (const text of [
    "/".repeat(200_000),
    "ssh: ".repeat(50_000),
    ".bashrc:".repeat(30_000),
    "connect to host ".repeat(20_000),
    "a: ".repeat(80_000),
  ])
    expect(classifyRun(text)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(2000);
});

test.each([
  ["ssh: connect to host gpu port 22: Connection refused", 255, "network", "sshd runs there"],
  ["kex_exchange_identification: Connection closed by remote host", 255, "network", "ServerAliveInterval"],
  ["me@gpu: Permission denied (publickey).", 255, "permission_denied", "authorized_keys"],
  ["ssh: Could not resolve hostname gpu: Name or service not known", 255, "exit_nonzero", "spelling"],
  ["/r/a.sh: 601: exec: claude: not found", 127, "agent_cli_missing", "npm"],
  ["/usr/bin/env: ‘node’: No such file or directory", 127, "spawn_failed", "first line"],
  ["/r/a.sh: 601: exec: /opt/claude: Permission denied", 126, "spawn_failed", "executed"],
] as const)("[SSH23] %j with exit code %i is %s of an agent, and tried again only where that helps", (said, exitCode, code, hint) => {
  const reason = failureOfWay(BUILTIN.claude, `it began\n${said}\n`, exitCode);
  expect(reason).toMatchObject({ code, hint: expect.stringContaining(hint) });
  expect(reason?.detail).toContain(said);
  expect(isTransient(reason?.code ?? "internal")).toBe(classifyRun(said)?.recoverable);
  // In passing, or long before its end.
  expect(failureOfWay(BUILTIN.claude, said, 1)).toBeUndefined();
  expect(failureOfWay(BUILTIN.claude, `${said}\na\nb\nc\n`, exitCode)).toBeUndefined();
});

test("[SSH23] of a command that is not there the exit code stays why, and where shells look is told", () => {
  expect(failureOfWay(BUILTIN.shell, "/r/a.sh: 601: exec: nosuch: not found\n", 127)).toMatchObject({
    code: "exit_nonzero",
    detail: "It ended with exit code 127: /r/a.sh: 601: exec: nosuch: not found",
    hint: expect.stringContaining("full path"),
  });
  expect(failureOfWay(BUILTIN.custom, "bash: line 1: codex: command not found\n", 127)).toMatchObject({ code: "agent_cli_missing" });
});
