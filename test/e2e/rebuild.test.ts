/** A build made while `maestro up` runs: the running one keeps what it serves, the next start has the new one. */
import { cpSync, existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { Child, runChild } from "../support/child.ts";
import { TestHome } from "../support/home.ts";
import { BUNDLE, freePort, requireBundle } from "../support/maestro.ts";

describe("a rebuild under a running control plane", () => {
  test("changes nothing it serves; `start` says that it runs another build; after down it is served", { timeout: 120_000 }, async () => {
    requireBundle();
    await using home = new TestHome();
    const { program, index } = installation(home.directory("pkg"));
    const port = String(await freePort());
    const start = () => new Child([process.execPath, program, "up", "--no-open", "--port", port], { env: home.env() });
    const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();

    const first = start();
    await first.output("ready", ({ stdout }) => (stdout.includes("Login ") ? true : undefined), 90_000);
    const before = await page();
    const copies = readdirSync(join(home.path, "control-plane", "builds"));
    expect(copies).toHaveLength(1);

    writeFileSync(index, `${readFileSync(index, "utf8")}<!-- rebuilt -->`);
    expect(await page()).toBe(before);

    const again = await runChild([process.execPath, program, "up", "--no-open", "--port", port], { env: home.env() });
    expect(again.code).toBe(10);
    expect(again.stderr).toMatch(/already runs .*from another build.*maestro down/s);
    first.signal("SIGINT");
    await first.end("the first run", 30_000);

    const second = start();
    await second.output("ready again", ({ stdout }) => (stdout.includes("Login ") ? true : undefined), 90_000);
    expect(await page()).toContain("<!-- rebuilt -->");
    const now = readdirSync(join(home.path, "control-plane", "builds"));
    expect(now).toHaveLength(1);
    expect(now).not.toEqual(copies);
  });
});

/** The package as it lies in a clone, where this test may change it. */
function installation(dir: string): { program: string; index: string } {
  const dist = dirname(BUNDLE);
  const own = dirname(dist);
  cpSync(dist, join(dir, "dist"), { recursive: true });
  cpSync(join(own, "package.json"), join(dir, "package.json"));
  if (existsSync(join(own, "node_modules"))) symlinkSync(join(own, "node_modules"), join(dir, "node_modules"));
  return { program: join(dir, "dist/bin.js"), index: join(dir, "dist/console/index.html") };
}
