import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { ChaosProxy } from "./chaos-proxy.ts";
import { faultScript } from "./fault-script.ts";
import { seededRandom } from "./random.ts";
import { Signal, until, within } from "./wait.ts";
import { tapWebSocket } from "./ws-tap.ts";

const quiet = { log: () => undefined };

async function echoServer(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function through(port: number, options: Parameters<typeof ChaosProxy.listen>[0]) {
  const proxy = await ChaosProxy.listen({ ...quiet, ...options, target: { port } });
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  const client = connect(proxy.port, "127.0.0.1");
  client.on("error", () => undefined);
  onTestFinished(() => void client.destroy());
  await once(client, "connect");
  return { proxy, client };
}

const data = (bytes: number, seed: number): Buffer => {
  const random = seededRandom(seed);
  return Buffer.from(Array.from({ length: bytes }, () => random.int(0, 255)));
};
const sha = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function read(client: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let have = 0;
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    have += chunk.byteLength;
    if (have >= bytes) break;
  }
  return Buffer.concat(chunks);
}

test("bytes pass the proxy unchanged, in order, whatever the shape", async () => {
  const { proxy, client } = await through(await echoServer(), { target: { port: 0 } });
  proxy.latency(3);
  proxy.bandwidth(8 * 1024 * 1024);
  const sent = data(300_000, 1);
  client.write(sent);
  expect(sha(await within(10_000, "echo", read(client, sent.byteLength)))).toBe(sha(sent));
});

test("a cut strikes after exactly the byte it was asked for", async () => {
  const port = await echoServer();
  const proxy = await ChaosProxy.listen({ ...quiet, target: { port } });
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  proxy.cutNext({ direction: "down", afterBytes: 1234, how: "fin" });
  const client = connect(proxy.port, "127.0.0.1");
  client.on("error", () => undefined);
  client.write(data(10_000, 2));
  expect((await within(5_000, "cut", read(client, 10_000))).byteLength).toBe(1234);
  expect(proxy.cuts).toBe(1);
});

test("a reset is seen as a reset", async () => {
  const { proxy, client } = await through(await echoServer(), { target: { port: 0 } });
  await proxy.when("accepted", ({ open }) => open === 1);
  const failed = once(client, "error");
  proxy.cutAll("rst");
  const [error] = await within(5_000, "reset", failed);
  expect(error).toMatchObject({ code: "ECONNRESET" });
});

test("a blackhole is silent one way, tells nobody, and loses nothing when it heals", async () => {
  const { proxy, client } = await through(await echoServer(), { target: { port: 0 } });
  proxy.blackhole("down");
  const sent = data(50_000, 3);
  client.write(sent);
  await proxy.when("all went up", ({ bytes }) => bytes.up === sent.byteLength);
  expect(proxy.bytes.down).toBe(0);
  expect(client.destroyed).toBe(false);
  proxy.heal();
  expect(sha(await within(5_000, "healed", read(client, sent.byteLength)))).toBe(sha(sent));
});

test("a script of faults is a function of its seed", () => {
  const options = { direction: "up", withinBytes: 1_000_000, cuts: 20, others: 10 } as const;
  expect(faultScript(7, options)).toEqual(faultScript(7, options));
  expect(faultScript(8, options)).not.toEqual(faultScript(7, options));
  expect(faultScript(7, options).steps).toHaveLength(30);
});

test("an unleashed script cuts as often as it says", async () => {
  const port = await echoServer();
  const proxy = await ChaosProxy.listen({ ...quiet, target: { port } });
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  proxy.unleash(5, { direction: "up", withinBytes: 200_000, cuts: 6 });
  let rounds = 0;
  while (proxy.pendingFaults > 0 && rounds++ < 50) {
    const before = { cuts: proxy.cuts, up: proxy.bytes.up };
    const client = connect(proxy.port, "127.0.0.1");
    client.on("error", () => undefined);
    const closed = new Promise((resolve) => client.once("close", resolve));
    client.write(data(100_000, rounds));
    client.resume();
    await proxy.when("cut or all passed", ({ cuts, bytes }) => cuts > before.cuts || bytes.up - before.up >= 100_000, 5_000);
    client.destroy();
    await closed;
  }
  expect(proxy.cuts).toBe(6);
});

test("[F21] text frames are doubled and swapped with their neighbours, never with data; pings are left alone", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  onTestFinished(() => server.close());
  await once(server, "listening");
  const address = server.address();
  if (typeof address === "string" || address === null) throw new Error("no port");
  const got: string[] = [];
  const arrived = new Signal();
  server.on("connection", (socket) =>
    socket.on("message", (message, binary) => {
      got.push(`${binary ? "b" : "t"}:${String(Buffer.isBuffer(message) ? message : "")}`);
      arrived.emit();
    }),
  );
  const tap = await tapWebSocket({ ...quiet, target: { port: address.port } }, [
    { direction: "up", decide: (text) => (text === "one" ? "double" : text === "two" ? "swap" : "pass") },
  ]);
  onTestFinished(() => tap.proxy[Symbol.asyncDispose]());
  const client = new WebSocket(`ws://127.0.0.1:${tap.proxy.port}/`, { perMessageDeflate: false });
  onTestFinished(() => client.terminate());
  await once(client, "open");
  for (const text of ["one", "ping", "two", "three", "two"]) client.send(text);
  client.send(Buffer.from("data"));
  client.send("four");
  await until("eight frames", arrived.changes, () => (got.length === 8 ? got : undefined));
  expect(got).toEqual(["t:one", "t:one", "t:ping", "t:three", "t:two", "t:two", "b:data", "t:four"]);
  expect(tap.counts).toEqual({ doubled: 1, swapped: 1 });
});
