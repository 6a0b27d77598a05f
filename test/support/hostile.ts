/** Runs the corpus of hostile output past one terminal and judges what it caused: the console, the CLI, or a terminal known to leak. */
import { expect } from "vitest";
import type { HostileCase, HostileEffect } from "../fixtures/hostile-escapes.ts";
import { hostileTerminal } from "./flood.ts";
import type { Product } from "./maestro.ts";
import { poll, WaitTimeout } from "./wait.ts";

/** Longer for one case is a terminal that froze: somebody looking at it would reload the page. */
const FROZEN_AFTER_MS = 15_000;

/** The program that writes the cases and hears what its terminal answers. */
export class HostileProgram {
  readonly #base: string;
  #settled = 0;

  private constructor(port: string) {
    this.#base = `http://127.0.0.1:${port}`;
  }

  /** @param screen shows `HOSTILE PORT <n>`. */
  static at(screen: string): HostileProgram {
    return new HostileProgram(/HOSTILE PORT (\d+)/.exec(screen)?.[1] ?? "0");
  }

  static async session(product: Product): Promise<{ id: string; program: HostileProgram }> {
    const { id } = await product.api.createSession({ argv: hostileTerminal(), backend: "pty", cols: 100, rows: 30 });
    return { id, program: HostileProgram.at(await product.api.screenShows(id, /HOSTILE PORT \d+/)) };
  }

  /** Writes a case, then words that every terminal shows when it has come through. */
  async emit(one: HostileCase): Promise<{ written: number; words: string }> {
    const words = `SETTLED ${++this.#settled}`;
    await this.#get(`emit/${one.name}`);
    return { written: Number(await this.#get(`settle/${this.#settled}`)), words };
  }

  /** Bytes that reached the program's terminal since the last call. */
  async typed(): Promise<Buffer> {
    return Buffer.from(await this.#get("typed"), "hex");
  }

  /** How often its terminal changed its size since the last call. */
  async resizes(): Promise<number> {
    return Number(await this.#get("resizes"));
  }

  async #get(path: string): Promise<string> {
    const answer = await fetch(`${this.#base}/${path}`);
    expect(answer.status, path).toBe(200);
    return answer.text();
  }
}

/** A terminal under test. */
export interface HostileLane {
  /** Resolves when it has shown everything up to there. */
  shown(until: { written: number; words: string }): Promise<void>;
  /** A key of a person: whatever the terminal answered before comes before it. */
  type(key: string): Promise<void>;
  /** What happened around the terminal since the last call. Puts it right again. */
  effects(): Promise<HostileEffect[]>;
}

/** One line for each thing that happened and must not have. */
export async function leaks(corpus: readonly HostileCase[], program: HostileProgram, lane: HostileLane): Promise<string[]> {
  const found: string[] = [];
  await program.typed();
  await program.resizes();
  await lane.effects();
  for (const one of corpus) {
    try {
      await lane.shown(await program.emit(one));
      await lane.type("~");
      const replied = await typedBefore("~", program);
      const effects = [...(await lane.effects()), ...((await program.resizes()) > 0 ? (["resize"] as const) : [])];
      found.push(...judge(one, effects, replied));
    } catch (error) {
      // What comes after a frozen terminal says nothing about it.
      found.push(`${one.name}: froze: ${error instanceof WaitTimeout ? error.message.slice(0, 300) : String(error).slice(0, 300)}`);
      break;
    }
  }
  return found;
}

/** Whatever happens around a terminal is a leak, whichever case it is seen at; only some questions may be answered. */
function judge(one: HostileCase, effects: readonly HostileEffect[], replied: Buffer): string[] {
  const lines = effects.map((effect) => `${one.name}: ${effect}`);
  if (one.mustNot.includes("reply") && !one.writerMayReply && replied.byteLength > 0)
    lines.push(`${one.name}: reply ${replied.toString("hex")}`);
  return lines;
}

async function typedBefore(key: string, program: HostileProgram): Promise<Buffer> {
  let got = Buffer.alloc(0);
  return poll(
    "the key typed after a case",
    async () => {
      got = Buffer.concat([got, await program.typed()]);
      return got.includes(key) ? got.subarray(0, got.indexOf(key)) : undefined;
    },
    { everyMs: 10, timeoutMs: FROZEN_AFTER_MS, detail: () => got.toString("hex") },
  );
}
