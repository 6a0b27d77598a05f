/** A session that writes a known number of known bytes when told, so that what viewers get can be compared. */
import { fileURLToPath } from "node:url";
import type { Api } from "./api.ts";
import type { Viewer } from "./viewer.ts";
import { floodSha256 } from "../fixtures/agents/flood-stream.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/agents/${name}`, import.meta.url));

/** Programs of sessions, as argv. Node runs TypeScript as it is. */
export const rawCat: readonly string[] = ["/bin/sh", "-c", "stty raw -echo; exec cat"];
export const fakeAgent = (...args: string[]): string[] => [process.execPath, fixture("fake-agent.ts"), ...args];
export const hostileTerminal = (): string[] => [
  process.execPath,
  fixture("hostile-terminal.ts"),
  fileURLToPath(new URL("../fixtures/hostile-escapes.json", import.meta.url)),
];

export interface FloodProgram {
  bytes: number;
  seed: number;
  /** Bytes per second; as fast as it goes by default. */
  rate?: number;
  /** Where the program stores what it wrote, as JSON. */
  out?: string;
  /** Without waiting for a key. */
  now?: boolean;
  /** Keep the session after the last byte. */
  stay?: boolean;
}

export const floodArgv = ({ bytes, seed, rate, out, now, stay }: FloodProgram): string[] => [
  process.execPath,
  fixture("flood.ts"),
  String(bytes),
  String(seed),
  ...(rate === undefined ? [] : ["--rate", String(rate)]),
  ...(out === undefined ? [] : ["--out", out]),
  ...(now === true ? ["--now"] : []),
  ...(stay === true ? ["--stay"] : []),
];

export interface Flood {
  session: string;
  bytes: number;
  /** Of exactly the flood's bytes. */
  readonly sha256: string;
  /** Of what is left without these stretches, by offset from the flood's first byte. */
  sha256Without(stretches: readonly { from: number; to: number }[]): string;
  /** Lets it go; the viewer must have the pen. Capture first: the next byte is the flood's first. */
  go(viewer: Viewer): void;
}

/** Resolves when the program waits for its key and nothing of its start is still on the way. */
export async function openFlood(
  api: Api,
  program: FloodProgram,
  options: { host?: string; backend?: "pty" | "tmux"; cols?: number; rows?: number } = {},
): Promise<Flood> {
  const { host, backend = "pty", cols = 80, rows = 24 } = options;
  const { id } = await api.createSession({
    argv: floodArgv({ stay: true, ...program }),
    backend,
    cols,
    rows,
    ...(host === undefined ? {} : { host }),
  });
  await api.screenShows(id, "FLOOD READY");
  return {
    session: id,
    bytes: program.bytes,
    // Only when asked for: endless floods have none.
    get sha256() {
      return floodSha256(program.seed, program.bytes);
    },
    sha256Without: (stretches) => floodSha256(program.seed, program.bytes, stretches),
    go: (viewer) => viewer.type("g"),
  };
}
