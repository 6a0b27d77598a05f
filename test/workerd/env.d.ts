/** What vitest.config.ts binds beside the Worker's own bindings. */
declare namespace Cloudflare {
  interface Env {
    /** The text whose digest is BOOTSTRAP_SHA256. */
    TEST_BOOTSTRAP: string;
    TEST_MIGRATIONS: import("cloudflare:test").D1Migration[];
  }
}
