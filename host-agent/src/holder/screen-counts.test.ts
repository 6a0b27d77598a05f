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
  const startedMs = performance.now();
  screen.write(Buffer.from(`x\u001b[2147483647${final}\r\nafter`));
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  expect(Buffer.from(screen.text().bytes).toString()).toContain("after");
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
