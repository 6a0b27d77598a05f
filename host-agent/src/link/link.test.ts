import { createPublicKey, verify } from "node:crypto";
import { createServer, connect, type Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { hostSigningText } from "@maestro/shared/protocol/link-auth";
import { generateSigningKey, readIdentity, readNextKey, writeIdentity } from "../daemon/identity.ts";
import { beginRotation } from "../daemon/rotate-key.ts";
import { FakeRelay } from "../daemon/testing/fake-relay.ts";
import { joinedHome, startTestAgent } from "../daemon/testing/host-home.ts";
import { MemoryHolder } from "../daemon/testing/memory-holder.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function relayAndHome() {
  const relay = await new FakeRelay().listen();
  undo.push(() => relay.close());
  const home = joinedHome(relay.origin);
  undo.push(() => home.remove());
  const holder = new MemoryHolder();
  holder.add("ses_a");
  return { relay, home, holder };
}

function start(home: ReturnType<typeof joinedHome>, holder: MemoryHolder, timeScale = 0.1) {
  const agent = startTestAgent(home.paths, holder.open, { timeScale });
  undo.push(() => agent.stop());
  return agent;
}

describe("authentication", () => {
  test("[LK1] a wrong clock is corrected by the server's time and tried again at once (F23)", async () => {
    const { relay, home, holder } = await relayAndHome();
    const serverTime = Date.now() + 10 * 365 * 86_400_000;
    relay.refusals = [{ status: 401, error: maestroError("clock_skew", "off", { extra: { serverTime } }) }];
    relay.serverTimeMs = () => serverTime;
    start(home, holder);
    const link = await relay.link(0);
    expect(Math.abs(link.claim.timeMs - serverTime)).toBeLessThan(60_000);
    expect(link.claim.nonce).not.toBe(relay.claims[0]?.nonce);
    const [session] = (await link.frame("hello")).sessions;
    expect(Math.abs((session?.createdMs ?? 0) - serverTime)).toBeLessThan(60_000);
  });

  test("[LK5] a revoked credential waits until the identity changed, then dials with the new one", async () => {
    const { relay, home, holder } = await relayAndHome();
    relay.refusals = [{ status: 401, error: maestroError("host_unknown", "removed") }];
    const agent = start(home, holder);
    await vi.waitFor(() => expect(agent.link.state.type).toBe("blocked"), { timeout: 10_000 });
    const signing = generateSigningKey();
    writeIdentity(home.paths, { ...home.identity, signing, record: { ...home.identity.record, name: "again" } });
    const link = await relay.link(0);
    expect(relay.claims).toHaveLength(2);
    expect(link.claim.id).toBe(home.identity.record.hostId);
  });

  test("[LK5] closed 4401 waits; closed 4400 comes back", async () => {
    const { relay, home, holder } = await relayAndHome();
    const agent = start(home, holder);
    (await relay.link(0)).socket.close(4400, "bad_frame");
    const second = await relay.link(1);
    second.socket.close(4401, "credential");
    await second.untilClosed();
    await vi.waitFor(() => expect(agent.link.state.type).toBe("blocked"), { timeout: 10_000 });
    expect(relay.links).toHaveLength(2);
  });

  test("[LK1] a host whose key was taken while its answer was lost gets in with the new key, and keeps it (F37)", async () => {
    const { relay, home, holder } = await relayAndHome();
    const next = beginRotation(home.paths, home.identity.record.hostId);
    relay.refusals = [{ status: 401, error: maestroError("signature_invalid", "the old key is gone") }];
    start(home, holder);
    const link = await relay.link(0);
    await link.frame("hello");
    await vi.waitFor(() => expect(readIdentity(home.paths)?.signing).toEqual(next), { timeout: 10_000 });
    expect(readNextKey(home.paths, home.identity)).toBeUndefined();
  });
});

describe("liveness", () => {
  test("[LK4] a half-open link is noticed after two pings and made anew (F19)", async () => {
    const { relay, home, holder } = await relayAndHome();
    start(home, holder, 0.05);
    const first = await relay.link(0);
    const { pings } = first;
    first.answers = false;
    await relay.link(1);
    expect(first.pings - pings).toBe(2);
  });

  test("[LK4] a relay that answers pings keeps its link: one that goes unheard would end after two", async () => {
    const { relay, home, holder } = await relayAndHome();
    start(home, holder, 0.01);
    await vi.waitFor(() => expect(relay.links.some(({ pings }) => pings >= 5)).toBe(true), { timeout: 12_000 });
  });

  test("[LK3] a relay that accepts and never welcomes is dialled again", async () => {
    const { relay, home, holder } = await relayAndHome();
    relay.welcomes = false;
    start(home, holder);
    await relay.link(0);
    relay.welcomes = true;
    await relay.link(1);
  });

  test("the daemon's stop closes the link with 1001 and leaves the holder alone", async () => {
    const { relay, home, holder } = await relayAndHome();
    const agent = startTestAgent(home.paths, holder.open);
    const link = await relay.link(0);
    await agent.stop();
    expect(await link.untilClosed()).toMatchObject({ code: 1001 });
    expect(holder.sessions.size).toBe(1);
  });
});

describe("frames", () => {
  test("[VR2] an unknown frame is ignored, an unknown request is answered type_unknown", async () => {
    const { relay, home, holder } = await relayAndHome();
    start(home, holder);
    const link = await relay.link(0);
    link.socket.send(JSON.stringify({ t: "of.the.future", x: 1 }));
    link.socket.send(JSON.stringify({ t: "request.of.the.future", id: 77 }));
    expect(await link.answer(77)).toMatchObject({ t: "reply-error", error: { code: "type_unknown" } });
    expect(relay.links).toHaveLength(1);
  });

  test.each([
    ["not JSON", "nonsense"],
    ["no type", "{}"],
    ["a malformed known frame", JSON.stringify({ t: "ack", channel: -1, epoch: 0, offset: 0 })],
  ])("[VR2] %s closes this socket with 4400, and the host comes back", async (_what, text) => {
    const { relay, home, holder } = await relayAndHome();
    start(home, holder);
    const link = await relay.link(0);
    link.socket.send(text);
    expect(await link.untilClosed()).toMatchObject({ code: 4400 });
    await relay.link(1);
  });

  test("[VR4] a frame beyond the limit closes the socket, and memory is not spent on it", async () => {
    const { relay, home, holder } = await relayAndHome();
    start(home, holder);
    const link = await relay.link(0);
    link.socket.send(Buffer.alloc(900 * 1024));
    await link.untilClosed();
    await relay.link(1);
  });

  test("[VR5] duplicated and reordered control frames have one effect each (F21)", async () => {
    const { relay, home, holder } = await relayAndHome();
    start(home, holder);
    const link = await relay.link(0);
    const create = {
      t: "session.create" as const,
      id: 5,
      session: "ses_01j9zzzzzzzzzzzzzzzzzzzzzz",
      name: "n",
      argv: [],
      env: {},
      size: { cols: 80, rows: 24 },
      backend: "echo" as const,
    };
    link.send({ t: "ack", channel: 9, epoch: 0, offset: 5 });
    link.send({ t: "unwatch", channel: 9 });
    link.send(create);
    link.send(create);
    link.send({ t: "watch", id: 6, session: "ses_a" });
    link.send({ t: "watch", id: 6, session: "ses_a" });
    await link.answer(5);
    await link.answer(6);
    link.send(create);
    const { channel, epoch } = { channel: 1, epoch: 1 };
    link.send({ t: "ack", channel, epoch, offset: 3 });
    link.sendInput(channel, Buffer.from("abc"));
    link.send({ t: "ack", channel, epoch, offset: 3 });
    link.send({ t: "ack", channel, epoch, offset: 1 });
    await link.request({ t: "detect", id: 7 });
    expect(holder.created).toHaveLength(1);
    expect(link.frames("reply").filter(({ id }) => id === 5 || id === 6)).toHaveLength(2);
    expect(holder.inputs).toHaveLength(1);
  });
});

test("[LK5] a TCP connection cut at any byte of the handshake leads to a link in the end (F17)", async () => {
  const { relay, home, holder } = await relayAndHome();
  // Cuts the first connection after 25 bytes, the next after 25 more, and so on through the whole handshake.
  let cutAt = 25;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(relay.port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    let passed = 0;
    const pass = (from: Socket, to: Socket) =>
      from.on("data", (chunk: Buffer) => {
        if (client.destroyed || upstream.destroyed) return;
        const rest = cutAt - passed;
        passed += chunk.byteLength;
        // Only what was cut moves the next cut on: a link that ended for another reason is no step of the walk.
        if (cutAt < 1_000 && passed >= cutAt) {
          cutAt += 25;
          cuts += 1;
          to.write(chunk.subarray(0, rest));
          client.destroy();
          upstream.destroy();
        } else to.write(chunk);
      });
    pass(client, upstream);
    pass(upstream, client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  writeIdentity(home.paths, { ...home.identity, record: { ...home.identity.record, url: `http://127.0.0.1:${port}` } });
  start(home, holder, 0.002);
  await vi.waitFor(() => expect(relay.links.some((link) => link.frames("inventory").length > 0)).toBe(true), { timeout: 20_000 });
  expect(cuts).toBe(39);
});

test("[LK1] every attempt is signed anew with the host's key over the server's own origin", async () => {
  const { relay, home, holder } = await relayAndHome();
  relay.refusals = [{ status: 503, error: maestroError("internal", "x") }];
  const headers: string[] = [];
  relay.server.prependListener("upgrade", (request) => headers.push(request.headers.authorization ?? ""));
  start(home, holder);
  await relay.link(0);
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: home.identity.signing.public }, format: "jwk" });
  expect(headers).toHaveLength(2);
  headers.forEach((header, i) => {
    const claim = relay.claims[i];
    const signature = /sig=([\w-]+)$/.exec(header)?.[1] ?? "";
    if (claim === undefined) throw new Error("no claim");
    expect(
      verify(
        null,
        Buffer.from(hostSigningText(claim, relay.origin, "GET", "/api/v1/hosts/self/link")),
        publicKey,
        Buffer.from(signature, "base64url"),
      ),
    ).toBe(true);
  });
  expect(relay.claims[1]?.epoch.connect).toBe((relay.claims[0]?.epoch.connect ?? 0) + 1);
});
