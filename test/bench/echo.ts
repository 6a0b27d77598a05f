/** Keystroke echo: one byte to a raw `cat`, until it is back. Product and reference are asked in the same way. */
import { within } from "../support/wait.ts";
import { percentile } from "./statistics.ts";

export interface EchoTerminal {
  type(bytes: Uint8Array): void;
  onOutput(listener: (payload: Uint8Array) => void): () => void;
}

export interface EchoFigures {
  p50: number;
  p95: number;
  max: number;
}

const KEY = Uint8Array.of(0x78);
/** A person does not type back to back; a pause also keeps one echo's work out of the next one's time. */
const PAUSE_MS = 2;
const TIMEOUT_MS = 10_000;

/** @param others terminals that must have seen the byte too before it counts. */
export async function echo(
  terminal: EchoTerminal,
  count: number,
  others: readonly Pick<EchoTerminal, "onOutput">[] = [],
): Promise<EchoFigures> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now();
    const seen = Promise.all([terminal, ...others].map(nextByte));
    terminal.type(KEY);
    await within(TIMEOUT_MS, "echo", seen);
    times.push(performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95), max: Math.max(...times) };
}

function nextByte(terminal: Pick<EchoTerminal, "onOutput">): Promise<void> {
  return new Promise((resolve) => {
    const stop = terminal.onOutput((payload) => {
      if (!payload.includes(KEY[0] ?? 0)) return;
      stop();
      resolve();
    });
  });
}
