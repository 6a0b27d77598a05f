/** Every test begins with an empty deployment, migrated and not bootstrapped, and with nothing of the product replaced. */
import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";

const TRIES = 5;

beforeEach(async () => {
  for (let tries = 1; ; tries++) {
    await reset();
    try {
      // All in one: each batch of its own is a call, a transaction and a wait of every single test.
      await env.DB.batch(env.TEST_MIGRATIONS.flatMap(({ queries }) => queries.map((query) => env.DB.prepare(query))));
      return;
    } catch (cause) {
      // A query that an object of the test before still had under way keeps its database, and all tables, from being deleted.
      if (tries === TRIES) throw new Error("what the test before left cannot be deleted", { cause });
    }
  }
});

// Files share a runtime, and with it the classes and the clock that a test may have replaced.
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});
