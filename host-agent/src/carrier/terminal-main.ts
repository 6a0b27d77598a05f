/** `maestro host terminal <file>`: put together, on the terminal that the holder gave this process. */
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { systemClock } from "../daemon/clock.ts";
import { TerminalClient } from "./terminal-client.ts";
import { readTerminalFile } from "./terminal-file.ts";
import { TerminalScreen } from "./terminal-screen.ts";

/** Answers the exit code of the program there. A file that says nothing is thrown as `MaestroFailure`. */
export async function runTerminal(file: string, env: Readonly<Record<string, string | undefined>>): Promise<number> {
  const read = readTerminalFile(file);
  if (!read.ok) throw new MaestroFailure(read.error);
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw fail("not_a_terminal", "This is the program of a session, and has no terminal here.", {
      hint: "maestro session new --host <host>",
    });
  // Node throws within itself for each packet that ssh2 seals or opens, and gathers a stack for it: a fifth of a key's time here.
  Error.stackTraceLimit = 0;
  const screen = new TerminalScreen();
  return new TerminalClient({ file: read.value, screen, typed: process.stdin, env, clock: systemClock, random: Math.random }).run();
}
