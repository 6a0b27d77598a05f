/** Which remote hosts are carried, as a control plane lists them; hosts themselves are tested with a real sshd. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { expect, test } from "vitest";
import type { RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { maestroError } from "@maestro/shared/errors";
import { err } from "@maestro/shared/result";
import { systemClock } from "../daemon/clock.ts";
import { generateSigningKey } from "../daemon/identity.ts";
import { silentLog } from "../daemon/log.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import type { CarriedHostDeps } from "./carried-host-deps.ts";
import { CarriedHosts, type CarriedHostsDeps } from "./carried-hosts.ts";

const record: RemoteRecord = { transport: "ssh", address: "there", sshConfig: false, options: {}, env: {}, container: "none" };

/** A control plane that lists one, and what carries it, which ends with the test. */
async function listed(more: Pick<CarriedHostsDeps, "clock" | "timeScale" | "host">): Promise<CarriedHosts & AsyncDisposable> {
  const items = [{ id: "hst_one", name: "one", record }];
  const server = createServer((_, answer) => answer.end(JSON.stringify({ items })));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = new URL(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
  const dir = mkdtempSync(path.join(tmpdir(), "maestro-carried-"));
  const key = generateSigningKey();
  const hosts = new CarriedHosts({
    dir: path.join(dir, "carried"),
    target: () => ({ url, pin: undefined, claimant: { hostId: "hst_me", origin: url.origin, instance: "one", bootId: "boot" } }),
    key: () => key,
    epoch: () => ({ start: 1, connect: 1 }),
    serverNowMs: () => Date.now(),
    log: silentLog,
    ...more,
  });
  const abort = new AbortController();
  const running = hosts.run(abort.signal);
  hosts.registryVersion(1);
  return Object.assign(hosts, {
    async [Symbol.asyncDispose]() {
      abort.abort();
      await running;
      server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  });
}

test("one that could not be carried is tried again", async () => {
  let tries = 0;
  const thrice = Promise.withResolvers<void>();
  await using _ = await listed({
    clock: systemClock,
    timeScale: 0.01,
    host() {
      tries += 1;
      if (tries === 3) thrice.resolve();
      throw new Error("ENOSPC: no space left on device");
    },
  });
  await thrice.promise;
  expect(tries).toBeGreaterThanOrEqual(3);
});

test("one that a check has reached is tried at once, and what was known of its failures is forgotten", async () => {
  const clock = new VirtualClock();
  const looks = new Array<PromiseWithResolvers<void>>(Promise.withResolvers(), Promise.withResolvers());
  let looked = 0;
  let forgiven = 0;
  const shell = {
    run() {
      looks[looked++]?.resolve();
      return Promise.resolve(err(maestroError("ssh_unreachable", "Nobody answers.")));
    },
  };
  await using hosts = await listed({
    clock,
    timeScale: 1,
    // What is asked of a host that cannot be reached.
    host: (carried, more) =>
      ({
        ...more,
        carried,
        clock,
        timeScale: 1,
        log: silentLog,
        shell,
        prelude: "",
        typeDirs: [],
        forgive: () => Promise.resolve(void (forgiven += 1)),
      }) as unknown as CarriedHostDeps,
  });
  await looks[0]?.promise;
  await hosts.reachable({ ...record, address: "elsewhere" });
  expect(forgiven).toBe(0);
  await hosts.reachable(record);
  await looks[1]?.promise;
  expect({ looked, forgiven }).toEqual({ looked: 2, forgiven: 1 });
});
