/** Tells the relay what changes by itself: load, agent CLIs, type files. Nothing is sent that is as it was. */
import type { AgentTypeReport } from "@maestro/shared/contract/agent-types";
import type { HostFrame, Metrics } from "@maestro/shared/protocol/link";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { unappliedKeys } from "../adapters/types/session-limits.ts";
import { inventoryFrames } from "../link/hello.ts";
import { isMaterial, METRICS_INTERVAL_MS, readCpuTimes, sampleMetrics } from "../link/metrics.ts";
import { pause, type Clock } from "./clock.ts";
import type { Log } from "./log.ts";

const TYPE_FILES_EVERY_MS = 2_000;
/** CLIs come and go by other hands; an unchanged one costs a look at a file. */
const DETECT_EVERY_MS = 60_000;

export interface ReporterDeps {
  catalogue: TypeCatalogue;
  clock: Clock;
  timeScale: number;
  log: Log;
  /** Whose disk is told. */
  dir: string;
  send(frame: HostFrame): void;
  isUp(): boolean;
}

export class Reporter {
  readonly #deps: ReporterDeps;
  #inventory: AgentTypeReport[] | undefined;
  #told: Metrics | undefined;
  #latest: Metrics | undefined;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  /** A new link knows nothing yet. */
  afterWelcome(): HostFrame[] {
    this.#told = this.#latest;
    return [
      ...(this.#inventory === undefined ? [] : inventoryFrames(this.#inventory)),
      ...(this.#latest === undefined ? [] : [{ t: "metrics" as const, metrics: this.#latest }]),
    ];
  }

  /** Looks again at files and CLIs. */
  async detect(): Promise<number> {
    const { catalogue, send } = this.#deps;
    if (catalogue.refresh()) this.#warnOfTypes();
    const inventory = await catalogue.report();
    if (JSON.stringify(inventory) !== JSON.stringify(this.#inventory)) {
      this.#inventory = inventory;
      if (this.#deps.isUp()) for (const frame of inventoryFrames(inventory)) send(frame);
    }
    return inventory.length;
  }

  #warnOfTypes(): void {
    const { catalogue, log } = this.#deps;
    for (const { file, line, problem } of catalogue.problems) log.warn("an agent type cannot be used", { file, line, problem });
    for (const { file, type } of catalogue.types) {
      const keys = unappliedKeys(type);
      if (keys.length > 0)
        log.warn("keys of an agent type are not applied to its sessions", { file, slug: type.slug, keys: keys.join(", ") });
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#watchTypes(signal), this.#watchLoad(signal)]);
  }

  async #watchTypes(signal: AbortSignal): Promise<void> {
    const { catalogue, clock, timeScale } = this.#deps;
    await this.detect();
    let nextMs = clock.monotonicMs() + DETECT_EVERY_MS * timeScale;
    while (!signal.aborted) {
      await pause(clock, TYPE_FILES_EVERY_MS * timeScale, signal);
      if (signal.aborted) return;
      if (!catalogue.stale() && clock.monotonicMs() < nextMs) continue;
      nextMs = clock.monotonicMs() + DETECT_EVERY_MS * timeScale;
      await this.detect();
    }
  }

  async #watchLoad(signal: AbortSignal): Promise<void> {
    const { clock, timeScale, dir, send } = this.#deps;
    let before = readCpuTimes();
    // A short first sample: the console shows something soon after a join.
    let waitMs = Math.min(1_000, METRICS_INTERVAL_MS * timeScale);
    while (!signal.aborted) {
      await pause(clock, waitMs, signal);
      if (signal.aborted) return;
      waitMs = METRICS_INTERVAL_MS * timeScale;
      const after = readCpuTimes();
      this.#latest = await sampleMetrics(before, after, dir);
      before = after;
      if (!this.#deps.isUp() || !isMaterial(this.#told, this.#latest)) continue;
      this.#told = this.#latest;
      send({ t: "metrics", metrics: this.#latest });
    }
  }
}
