/** How fast a bare headless terminal takes the flood: MB/s of parsing and nothing else. */
import headless from "@xterm/headless";
import { floodStream } from "../../fixtures/agents/flood-stream.ts";

export async function parseFlood(seed: number, bytes: number): Promise<number> {
  const terminal = new headless.Terminal({ cols: 80, rows: 24, scrollback: 10_000, allowProposedApi: true });
  const blocks = [...floodStream(seed, bytes)].map((block) => Buffer.from(block));
  const startedMs = performance.now();
  for (const block of blocks) await new Promise<void>((resolve) => terminal.write(block, resolve));
  const ms = performance.now() - startedMs;
  terminal.dispose();
  return bytes / 1e6 / (ms / 1000);
}
