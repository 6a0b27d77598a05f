/**
 * Allowances counted in this isolate, for where there is only one of it: the embedded control plane. They begin anew with
 * each window of the wall clock, as those of the platform do, and with each start.
 */
import * as z from "zod";

/** As wrangler.toml has them. */
export const LimitSpecs = z.array(z.object({ binding: z.string(), limit: z.int().min(1), periodSeconds: z.int().min(1) }));
export type LimitSpec = z.infer<typeof LimitSpecs>[number];

/** Whoever comes first is forgotten first: a flood of invented names takes no memory, and nobody's allowance but its own. */
const MAX_KEYS = 50_000;

export class WindowLimit implements RateLimit {
  readonly #limit: number;
  readonly #periodMs: number;
  readonly #nowMs: () => number;
  readonly #taken = new Map<string, number>();
  #window = -1;

  constructor({ limit, periodSeconds }: Pick<LimitSpec, "limit" | "periodSeconds">, nowMs: () => number) {
    this.#limit = limit;
    this.#periodMs = periodSeconds * 1000;
    this.#nowMs = nowMs;
  }

  limit({ key }: { key: string }): Promise<{ success: boolean }> {
    return Promise.resolve({ success: this.#take(key) });
  }

  #take(key: string): boolean {
    const window = Math.floor(this.#nowMs() / this.#periodMs);
    if (window !== this.#window) {
      this.#taken.clear();
      this.#window = window;
    }
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= this.#limit) return false;
    // Set anew, so that who asks often stays.
    this.#taken.delete(key);
    this.#taken.set(key, taken + 1);
    if (this.#taken.size > MAX_KEYS) for (const oldest of this.#taken.keys()) return this.#taken.delete(oldest);
    return true;
  }
}

export type Limiters = Readonly<Record<string, RateLimit>>;

export const windowLimits = (specs: readonly LimitSpec[], nowMs: () => number): Limiters =>
  Object.fromEntries(specs.map((spec) => [spec.binding, new WindowLimit(spec, nowMs)]));
