import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import * as path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { beginRotation } from "./rotate-key.ts";
import { spawnDaemon, stopHolder, type DaemonProcess } from "./testing/daemon-process.ts";
import { FakeRelay, type RelayLink } from "./testing/fake-relay.ts";
import { joinedHome, type TestHome } from "./testing/host-home.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Polite farewells take a second, a busy machine some more; every wait of the daemon that could be left over is longer. */
const ENDS_WITHIN_MS = 8_000;
const SESSION = "ses_01j9zzzzzzzzzzzzzzzzzzzzzz";

function run(home: TestHome, env: Record<string, string> = {}): DaemonProcess {
  undo.push(() => home.remove());
  undo.push(() => stopHolder(home.paths));
  // As in real life: no wait is shortened, so none that is left over goes unseen.
  const daemon = spawnDaemon(home.paths, { env: { MAESTRO_TIME_SCALE: "1", ...env } });
  undo.push(async () => {
    daemon.child.kill("SIGKILL");
    await daemon.exited;
  });
  return daemon;
}

async function relayed(change: (relay: FakeRelay) => void = () => {}): Promise<{ relay: FakeRelay; home: TestHome }> {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  change(relay);
  return { relay, home: joinedHome(relay.origin) };
}

/** A server that takes connections and says nothing, ever. */
async function silentServer(): Promise<{ origin: string; dialled: Promise<void> }> {
  const sockets = new Set<Socket>();
  const dialled = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("data", () => dialled.resolve());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = addressOf(server.address());
  return { origin: `http://127.0.0.1:${port}`, dialled: dialled.promise };
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("no address");
  return address;
}

async function endsByItself(daemon: DaemonProcess): Promise<void> {
  const startedMs = performance.now();
  daemon.child.kill("SIGTERM");
  expect(await daemon.exited, daemon.said()).toEqual({ code: 0, signal: null });
  expect(performance.now() - startedMs).toBeLessThan(ENDS_WITHIN_MS);
}

const create = (link: RelayLink) =>
  link.request({
    t: "session.create",
    id: link.nextId(),
    session: SESSION,
    name: "n",
    argv: ["/bin/cat"],
    env: {},
    size: { cols: 80, rows: 24 },
    backend: "pty",
  });

describe("a stopped daemon leaves nothing that keeps its process", () => {
  test("at rest, with a watched session", async () => {
    const { relay, home } = await relayed();
    const daemon = run(home);
    const link = await relay.link(0);
    await create(link);
    await link.request({ t: "watch", id: link.nextId(), session: SESSION });
    await endsByItself(daemon);
  }, 60_000);

  test("while the control plane does not answer its dialling", async () => {
    const { origin, dialled } = await silentServer();
    const daemon = run(joinedHome(origin));
    await dialled;
    await endsByItself(daemon);
  }, 60_000);

  test("while TLS to the control plane does not come about", async () => {
    const { origin, dialled } = await silentServer();
    const daemon = run(joinedHome(origin.replace("http:", "https:")));
    await dialled;
    await endsByItself(daemon);
  }, 60_000);

  test("before it is welcomed", async () => {
    const { relay, home } = await relayed((fake) => {
      fake.welcomes = false;
    });
    const daemon = run(home);
    await relay.link(0);
    await endsByItself(daemon);
  }, 60_000);

  test("while it waits to be let in", async () => {
    const { relay, home } = await relayed((fake) => {
      fake.refusals = [{ status: 403, error: maestroError("host_locked", "locked") }];
    });
    const daemon = run(home);
    await relay.until(() => (relay.claims.length > 0 ? true : undefined));
    await said(daemon, "waiting for a change");
    await endsByItself(daemon);
  }, 60_000);

  test("while an agent CLI that hangs is asked for its version", async () => {
    const { relay, home } = await relayed();
    const bin = path.join(home.dir, "bin");
    mkdirSync(bin);
    writeFileSync(path.join(bin, "claude"), "#!/bin/sh\nexec sleep 60\n");
    chmodSync(path.join(bin, "claude"), 0o755);
    const daemon = run(home, { PATH: `${bin}:${process.env["PATH"] ?? ""}` });
    const link = await relay.link(0);
    link.send({ t: "detect", id: link.nextId() });
    await endsByItself(daemon);
  }, 60_000);

  test("while its new key is on its way", async () => {
    const held = Promise.withResolvers<void>();
    const relay = await new FakeRelay().listen();
    undo.push(() => relay.close());
    relay.server.removeAllListeners("request");
    relay.server.on("request", () => held.resolve());
    const home = joinedHome(relay.origin);
    beginRotation(home.paths, home.identity.record.hostId);
    const daemon = run(home);
    await relay.link(0);
    await held.promise;
    await endsByItself(daemon);
  }, 60_000);
});

/** Resolves once the daemon wrote it. */
function said(daemon: DaemonProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => reject(new Error(`never said '${text}', but:\n${daemon.said()}`)), 15_000);
    const look = () => {
      if (!daemon.said().includes(text)) return;
      clearTimeout(giveUp);
      resolve();
    };
    daemon.child.stderr?.on("data", look);
    look();
  });
}
