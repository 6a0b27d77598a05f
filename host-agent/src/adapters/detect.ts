/** Which agent CLIs are here, and which versions; an unchanged binary is asked once. */
import { statSync } from "node:fs";
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Clock } from "../daemon/clock.ts";
import type { Adapter } from "./adapter.ts";
import { locateProgram } from "./locate.ts";
import { probeVersion } from "./probe.ts";

export type Detected = AgentTypeReport["detected"];

export interface DetectDeps {
  /** The environment a session starts from; its PATH is where programs are looked for. Asked anew each time: installing changes it. */
  env(): Readonly<Record<string, string>>;
  /** Absolute paths looked at before PATH, by adapter. */
  overrides: Readonly<Record<string, readonly string[]>>;
  clock: Clock;
  /** Ends questions that are under way, and asks no more. */
  signal: AbortSignal;
}

/** Agent CLIs start slowly and in crowds they starve each other and the terminals. */
const MAX_PROBES = 2;

export class Detector {
  readonly #deps: DetectDeps;
  /** By binary path and modification: what it said. */
  readonly #known = new Map<string, { stamp: string; detected: Detected }>();
  readonly #asked = new Map<string, Promise<Detected>>();
  #free = MAX_PROBES;
  readonly #waiting: (() => void)[] = [];

  constructor(deps: DetectDeps) {
    this.#deps = deps;
  }

  locate(adapter: Adapter): string | undefined {
    const overrides = adapter.chosen === true ? [] : (this.#deps.overrides[adapter.name] ?? []);
    return locateProgram(adapter.binaries, this.#deps.env()["PATH"] ?? "", overrides);
  }

  async detect(adapter: Adapter): Promise<Detected> {
    if (adapter.binaries.length === 0) return { state: "found", binary: "", version: "" };
    const binary = this.locate(adapter);
    if (binary === undefined) return { state: "missing", lookedFor: adapter.binaries.join(", "), install: adapter.install };
    const stamp = stampOf(binary);
    const known = this.#known.get(binary);
    if (known !== undefined && known.stamp === stamp) return known.detected;
    // Several types may stand on one CLI; they share one question.
    const asked = this.#asked.get(binary) ?? this.#probe(adapter, binary);
    this.#asked.set(binary, asked);
    const detected = await asked;
    this.#asked.delete(binary);
    this.#known.set(binary, { stamp, detected });
    return detected;
  }

  /** What is known without asking: the version a launch may need. */
  knownVersion(binary: string): string | undefined {
    const known = this.#known.get(binary)?.detected;
    return known?.state === "found" ? known.version : undefined;
  }

  async #probe(adapter: Adapter, binary: string): Promise<Detected> {
    await this.#enter();
    try {
      const probe = await probeVersion(binary, adapter.versionArgs, this.#deps.env(), this.#deps);
      switch (probe.type) {
        case "answered":
          return { state: "found", binary, version: stripUnsafe(adapter.parseVersion(probe.output) ?? "unknown", 128) };
        case "failed":
          return { state: "invalid", problem: stripUnsafe(`${binary} is there, but ${probe.problem}`, 1024) };
        // Slow is not broken: a cold start on a busy machine takes its time, and the launch does not depend on it.
        case "timeout":
          return { state: "found", binary, version: "unknown" };
      }
    } finally {
      this.#leave();
    }
  }

  /** The slot is handed over, so no third probe slips in between. */
  async #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

function stampOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "gone";
  }
}
