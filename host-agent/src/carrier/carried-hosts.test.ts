/** Which remote hosts are carried, as a control plane lists them; hosts themselves are tested with a real sshd. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../daemon/clock.ts";
import { generateSigningKey } from "../daemon/identity.ts";
import { silentLog } from "../daemon/log.ts";
import { CarriedHosts } from "./carried-hosts.ts";

test("one that could not be carried is tried again", async () => {
  const record = { transport: "ssh", address: "there", sshConfig: false, options: {}, env: {}, container: "none" };
  const items = [{ id: "hst_one", name: "one", record }];
  const server = createServer((_, answer) => answer.end(JSON.stringify({ items })));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = new URL(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
  const dir = mkdtempSync(path.join(tmpdir(), "maestro-carried-"));
  const key = generateSigningKey();
  let tries = 0;
  const thrice = Promise.withResolvers<void>();
  const hosts = new CarriedHosts({
    dir: path.join(dir, "carried"),
    target: () => ({ url, pin: undefined, claimant: { hostId: "hst_me", origin: url.origin, instance: "one", bootId: "boot" } }),
    key: () => key,
    epoch: () => ({ start: 1, connect: 1 }),
    serverNowMs: () => Date.now(),
    clock: systemClock,
    timeScale: 0.01,
    log: silentLog,
    host: () => {
      tries += 1;
      if (tries === 3) thrice.resolve();
      throw new Error("ENOSPC: no space left on device");
    },
  });
  const abort = new AbortController();
  const running = hosts.run(abort.signal);
  try {
    hosts.registryVersion(1);
    await thrice.promise;
  } finally {
    abort.abort();
    await running;
    server.close();
    rmSync(dir, { recursive: true, force: true });
  }
  expect(tries).toBeGreaterThanOrEqual(3);
});
