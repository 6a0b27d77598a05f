/** Gives the emulator the bound on combining marks; where a newer xterm.js hides its provider, nothing changes. */
import type { Terminal } from "@xterm/xterm";
import { boundMarks } from "@maestro/shared/joined-marks";

export function boundJoinedMarks(terminal: Terminal): void {
  const provider = member(member(member(terminal, "_core"), "unicodeService"), "_activeProvider");
  const properties = member(provider, "charProperties");
  if (typeof provider !== "object" || provider === null || typeof properties !== "function") return;
  Reflect.set(
    provider,
    "charProperties",
    boundMarks((codepoint, preceding) => Number(Reflect.apply(properties, provider, [codepoint, preceding]))),
  );
}

const member = (target: unknown, name: string): unknown =>
  typeof target === "object" && target !== null ? Reflect.get(target, name) : undefined;
