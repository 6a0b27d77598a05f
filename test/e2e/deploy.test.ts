import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { afterEach, expect, test, vi } from "vitest";
import { ROOT } from "../../scripts/command.ts";
import { startCloudflareStub, type Call } from "../support/cloudflare-stub.ts";
import { publish } from "../../scripts/deploy/publish.ts";

const PATIENCE_MS = 120_000;

afterEach(() => vi.unstubAllEnvs());

const order = (calls: readonly Call[]): string[] => {
  const steps: [RegExp, string][] = [
    [/POST .*\/d1\/database$/, "database"],
    [/POST .*\/query$/, "migrations"],
    [/PATCH .*\/secrets-bulk$/, "secrets"],
    [/(PUT|POST) .*\/scripts\/maestro(\/versions)?$/, "worker"],
  ];
  const names = calls.flatMap(({ method, path }) => steps.find(([pattern]) => pattern.test(`${method} ${path}`))?.[1] ?? []);
  return names.filter((name, index) => name !== names[index - 1]);
};

test(
  "a first deployment makes database and secrets before the Worker; a second one keeps them",
  async () => {
    await using cloudflare = await startCloudflareStub();
    vi.stubEnv("CLOUDFLARE_API_BASE_URL", cloudflare.url);
    vi.stubEnv("CLOUDFLARE_API_TOKEN", "stub");
    vi.stubEnv("CLOUDFLARE_ACCOUNT_ID", "0123456789abcdef0123456789abcdef");
    const lines: string[] = [];

    const first = await publish((line) => lines.push(line));
    // The Worker that does not exist yet is made empty to hold the secrets, then replaced by the real one.
    expect(order(cloudflare.calls)).toEqual(["database", "migrations", "secrets", "worker", "secrets", "worker"]);
    expect(first.url).toBe("https://maestro.example.workers.dev");
    if (first.secrets.state !== "made") throw new Error("no bootstrap secret was made");
    const { bootstrap } = first.secrets;
    expect(cloudflare.secrets.get("BOOTSTRAP_SHA256")).toBe(createHash("sha256").update(bootstrap).digest("hex"));
    expect(Buffer.from(cloudflare.secrets.get("MAESTRO_SECRET") ?? "", "base64url")).toHaveLength(32);
    expect(lines.join("\n")).not.toContain(cloudflare.secrets.get("MAESTRO_SECRET"));
    expect(cloudflare.calls.some(({ body }) => body.includes(bootstrap))).toBe(false);

    const kept = new Map(cloudflare.secrets);
    cloudflare.calls.length = 0;
    expect((await publish(() => {})).secrets).toEqual({ state: "kept" });
    expect(order(cloudflare.calls)).toEqual(["migrations", "worker"]);
    expect(cloudflare.secrets).toEqual(kept);
    expect((await readdir(ROOT)).filter((name) => name.startsWith(".wrangler.deploy."))).toEqual([]);
  },
  PATIENCE_MS,
);

test(
  "without an account nothing is changed, and the message says how to log in",
  async () => {
    vi.stubEnv("CLOUDFLARE_API_TOKEN", "");
    vi.stubEnv("XDG_CONFIG_HOME", "/nonexistent");
    vi.stubEnv("HOME", "/nonexistent");
    await expect(publish(() => {})).rejects.toThrow(/wrangler login[\s\S]*CLOUDFLARE_API_TOKEN/);
  },
  PATIENCE_MS,
);
