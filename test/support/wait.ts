/** Waiting that is bounded and driven by what happens, so that no test ever sleeps and hopes. */

export class WaitTimeout extends Error {
  override name = "WaitTimeout";
}

/** Rejects with the deadline's own words when `promise` takes longer; whatever `promise` owns is not stopped. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>, detail: () => string = () => ""): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WaitTimeout(`${what}: not within ${timeoutMs} ms${prefixed(detail())}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is waited for by default: long beside what it takes, since other files may have the machine meanwhile, and below a unit test's 30 s. */
export const PATIENCE_MS = 25_000;

/** Something that says when it changed: the event half of `until`. `subscribe` returns how to stop. */
export type Changes = (changed: () => void) => () => void;

/**
 * Resolves with the first value of `read` that is not undefined, looking once now and again whenever
 * `changes` says so. `detail` explains the state in the timeout's message.
 */
export async function until<T>(
  what: string,
  changes: Changes,
  read: () => T | undefined,
  options: { timeoutMs?: number; detail?: () => string } = {},
): Promise<T> {
  const { timeoutMs = PATIENCE_MS, detail = () => "" } = options;
  let stop: () => void = () => undefined;
  const seen = new Promise<T>((resolve, reject) => {
    const look = () => {
      try {
        const value = read();
        if (value !== undefined) resolve(value);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    stop = changes(look);
    look();
  });
  try {
    return await within(timeoutMs, what, seen, detail);
  } finally {
    stop();
  }
}

/**
 * For state that announces nothing (another process, an HTTP resource): asks again after each answer,
 * every `everyMs`, within a deadline. Not for anything that has an event.
 */
export async function poll<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  options: { timeoutMs?: number; everyMs?: number; detail?: () => string } = {},
): Promise<T> {
  const { timeoutMs = PATIENCE_MS, everyMs = 50, detail = () => "" } = options;
  const deadline = performance.now() + timeoutMs;
  let lastFailure = "";
  for (;;) {
    try {
      const value = await ask();
      if (value !== undefined) return value;
      lastFailure = "";
    } catch (error) {
      lastFailure = error instanceof Error ? error.message : String(error);
    }
    const left = deadline - performance.now();
    if (left <= 0) throw new WaitTimeout(`${what}: not within ${timeoutMs} ms${prefixed(lastFailure)}${prefixed(detail())}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(everyMs, left)));
  }
}

/** A list of listeners: the smallest thing that can be a source of `Changes`. */
export class Signal {
  readonly #listeners = new Set<() => void>();

  readonly changes: Changes = (changed) => {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  };

  emit(): void {
    for (const listener of this.#listeners) listener();
  }
}

const prefixed = (text: string): string => (text === "" ? "" : `; ${text}`);
