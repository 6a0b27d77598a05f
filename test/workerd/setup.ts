/** Every test begins with an empty deployment, migrated and not bootstrapped, and with nothing of the product replaced. */
import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";

const TRIES = 5;

beforeEach(async () => {
  for (let tries = 1; ; tries++) {
    await reset();
    await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
    // A query that an object of the test before still had under way keeps its database from being deleted.
    const left = await env.DB.prepare("select id from fleets limit 1").first();
    if (left === null) return;
    if (tries === TRIES) throw new Error("what the test before left cannot be deleted");
  }
});

// Files share a runtime, and with it the classes and the clock that a test may have replaced.
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});
