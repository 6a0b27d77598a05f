/** What no WebSocket library would send, on a raw socket to the real server. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SUBPROTOCOL } from "@maestro/shared/protocol/version";
import { fakeAgent } from "../support/flood.ts";
import { Product } from "../support/maestro.ts";
import { residentBytes } from "../support/processes.ts";
import { within } from "../support/wait.ts";
import { wholeFrames } from "../support/ws-frames.ts";

let product: Product;
let session: string;
beforeAll(async () => {
  product = await Product.up();
  ({ id: session } = await product.api.createSession({ argv: fakeAgent(), backend: "pty" }));
  await product.api.screenShows(session, /^> *$/m);
});
afterAll(async () => product[Symbol.asyncDispose]());

const TEXT = 0x1;
const CONTINUATION = 0x0;
const CLOSE = 0x8;
const FIN = 0x80;
/** A mask of zeroes is one: the payload stays as it is written. */
const frame = (first: number, payload: Uint8Array = new Uint8Array()): Buffer =>
  Buffer.concat([Buffer.from([first, 0x80 | payload.byteLength, 0, 0, 0, 0]), payload]);
const HELLO = frame(FIN | TEXT, Buffer.from(JSON.stringify({ t: "hello", versions: { min: 1, max: 1 } })));

interface RawViewer {
  socket: Socket;
  /** Of the server's close frame, once it came; 1006 when the connection ended without one. */
  closed: Promise<number>;
}

async function rawViewer(): Promise<RawViewer> {
  const socket = connect(product.port, "127.0.0.1");
  await once(socket, "connect");
  const split = wholeFrames();
  const opened = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<number>();
  socket.on("error", () => undefined);
  socket.on("close", () => closed.resolve(1006));
  socket.on("data", (chunk: Buffer) => {
    const { head, frames } = split(chunk);
    if (head !== undefined) opened.resolve(head.toString("latin1"));
    const close = frames.find(({ opcode }) => opcode === CLOSE);
    if (close !== undefined) closed.resolve(close.raw.byteLength >= 4 ? close.raw.readUInt16BE(2) : 1005);
  });
  const lines = [
    `GET /api/v1/sessions/${session}/attach HTTP/1.1`,
    `Host: 127.0.0.1:${product.port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    `Authorization: Bearer ${product.api.token ?? ""}`,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  expect(await within(10_000, "the upgrade's answer", opened.promise)).toMatch(/^HTTP\/1\.1 101/);
  return { socket, closed: closed.promise };
}

/** The server serves others as before. */
async function stillServes(word: string): Promise<void> {
  await using viewer = await product.attach(session, { screen: true });
  await viewer.take();
  viewer.type(`say ${word}\r`);
  await viewer.screenShows(new RegExp(`^${word}`, "m"));
}

describe("row 42", () => {
  test.each([
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a sequence that ends early", [0xe2, 0x82]],
    ["a byte beyond Unicode", [0xf5, 0x80, 0x80, 0x80]],
  ])("text that is not UTF-8 closes 1007: %s", async (_what, bytes) => {
    const { socket, closed } = await rawViewer();
    const text = Buffer.concat([
      Buffer.from('{"t":"hello","versions":{"min":1,"max":1},"resume":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ]);
    socket.write(frame(FIN | TEXT, text));
    expect(await within(10_000, "the close", closed)).toBe(1007);
    socket.destroy();
  });

  test("the session is served as before", () => stillServes("utf-eight"));
});

describe("row 41", () => {
  const batch = Buffer.concat(Array.from({ length: 10_000 }, () => frame(CONTINUATION)));

  async function millionFragments(): Promise<number> {
    const { socket, closed } = await rawViewer();
    socket.write(HELLO);
    socket.write(frame(TEXT, Buffer.from("{")));
    for (let sent = 0; sent < 1_000_000 && !socket.destroyed; sent += 10_000) {
      if (!socket.write(batch)) await Promise.race([once(socket, "drain"), closed]);
    }
    if (!socket.destroyed) socket.write(frame(FIN | CONTINUATION));
    const code = await within(30_000, "the close", closed);
    socket.destroy();
    return code;
  }

  /**
   * The runtime keeps a record of some 40 bytes per fragment until the message is whole or the socket gone, and
   * its allocator keeps the room; flat means that what one takes is used again by the next.
   */
  test("a million empty fragments close the socket; the memory they take is used again", { timeout: 300_000 }, async () => {
    const workerd = await product.running("workerd");
    const mebibytes = (): number => residentBytes(workerd) / 2 ** 20;
    for (let round = 0; round < 6; round++) expect(await millionFragments()).toBe(4400);
    // Kept, ten times this would be some 400 MiB, each time again.
    const grownMiB: number[] = [];
    const first = mebibytes();
    while (grownMiB.length < 3 && !grownMiB.some((grown) => grown < 64)) {
      const before = mebibytes();
      for (let round = 0; round < 10; round++) expect(await millionFragments()).toBe(4400);
      grownMiB.push(mebibytes() - before);
    }
    expect(Math.min(...grownMiB), grownMiB.join()).toBeLessThan(64);
    // One quiet round beside others that leak is no pass.
    expect(mebibytes() - first, grownMiB.join()).toBeLessThan(3 * 64);
    expect(await product.running("workerd")).toBe(workerd);
    await stillServes("fragments");
  });
});
