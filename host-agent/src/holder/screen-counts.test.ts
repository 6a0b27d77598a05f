import { expect, test } from "vitest";
import { ScreenTerminal } from "./screen-terminal.ts";

test.each([..."STLMIZb"])("CSI 2147483647 %s does not stop the screens of a host", (final) => {
  const screen = new ScreenTerminal(
    80,
    24,
    0,
    () => undefined,
    () => undefined,
  );
  // What it costs, not how long it takes: the machine has others to serve.
  const before = process.cpuUsage();
  screen.write(Buffer.from(`x\u001b[2147483647${final}\r\nafter`));
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(3_000_000);
  expect(Buffer.from(screen.text().bytes).toString()).toContain("after");
  screen.dispose();
});

test.each([..."STLMIZb"])("4 KiB of CSI 10000 %s do not either", (final) => {
  const screen = new ScreenTerminal(
    80,
    24,
    0,
    () => undefined,
    () => undefined,
  );
  const before = process.cpuUsage();
  screen.write(Buffer.from(`x\u001b[10000${final}`.repeat(400)));
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(3_000_000);
  screen.dispose();
});

test("a count beyond the screen does what it says to all of the screen", () => {
  const screen = new ScreenTerminal(
    20,
    3,
    0,
    () => undefined,
    () => undefined,
  );
  screen.write(Buffer.from("one\r\ntwo\r\nthree\u001b[2;1H\u001b[999M"));
  expect(Buffer.from(screen.text().bytes).toString().trimEnd()).toBe("one");
  screen.write(Buffer.from("\u001b[999S"));
  expect(Buffer.from(screen.text().bytes).toString().trimEnd()).toBe("");
  screen.dispose();
});

test("honest counts still work", () => {
  const screen = new ScreenTerminal(
    80,
    24,
    0,
    () => undefined,
    () => undefined,
  );
  screen.write(Buffer.from("x\u001b[5b"));
  expect(Buffer.from(screen.text().bytes).toString()).toBe("xxxxxx\n");
  screen.dispose();
});
