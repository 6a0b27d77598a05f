import { expect, test } from "vitest";
import { decodeInput, decodeOutput, encodeControlMessage, encodeInput, encodeMessage, encodeOutputHead, MessageReader } from "./framing.ts";
import { MAX_HOLDER_MESSAGE_BYTES, TAG } from "./protocol.ts";
import { pick, seededRandom } from "./testing/random.ts";

test("messages cut into any pieces come out as they went in", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed);
    const sent = Array.from({ length: 30 }, () => ({
      tag: pick(random, [1, 2, 3, 4, 9]),
      payload: Buffer.alloc(Math.floor(random() ** 4 * 200_000), Math.floor(random() * 256)),
    }));
    const stream = Buffer.concat(sent.map(({ tag, payload }) => encodeMessage(tag, [payload])));
    const got: { tag: number; payload: Buffer }[] = [];
    const reader = new MessageReader((tag, payload) => got.push({ tag, payload: Buffer.from(payload) }));
    for (let at = 0; at < stream.byteLength;) {
      const next = at + 1 + Math.floor(random() ** 2 * 70_000);
      expect(reader.push(stream.subarray(at, next))).toBe(true);
      at = next;
    }
    expect(got.length, `seed ${seed}`).toBe(sent.length);
    expect(
      got.every(({ tag, payload }, i) => tag === sent[i]?.tag && payload.equals(sent[i].payload)),
      `seed ${seed}`,
    ).toBe(true);
  }
});

test("a length of nothing or beyond the limit ends the connection", () => {
  for (const length of [0, MAX_HOLDER_MESSAGE_BYTES + 1, 0xffff_ffff]) {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(length);
    expect(new MessageReader(() => undefined).push(prefix)).toBe(false);
  }
});

test("output keeps its position, also beyond 2^32", () => {
  for (const header of [
    { index: 7, epoch: 65_535, offset: 2 ** 53 - 1, replay: true },
    { index: 1, epoch: 0, offset: 0, replay: false },
  ]) {
    const message = Buffer.concat([encodeOutputHead(header, 3), Buffer.from("abc")]);
    let seen: unknown;
    new MessageReader((tag, payload) => {
      seen = { tag, ...decodeOutput(payload), bytes: payload.toString("latin1", 15) };
    }).push(message);
    expect(seen).toEqual({ tag: TAG.output, ...header, room: 16, bytes: "abc" });
  }
  expect(decodeOutput(Buffer.alloc(14))).toBeUndefined();
});

test("input names its session; a truncated one names nothing", () => {
  const message = encodeInput("ses_x", Buffer.from([0, 255, 10]));
  expect(decodeInput(message.subarray(5))).toMatchObject({ session: "ses_x", bytes: Buffer.from([0, 255, 10]) });
  expect(decodeInput(Buffer.from([9, 1]))).toBeUndefined();
  expect(decodeInput(Buffer.alloc(0))).toBeUndefined();
});

test("control messages are JSON under their tag", () => {
  const got: string[] = [];
  new MessageReader((tag, payload) => got.push(`${tag} ${payload.toString()}`)).push(encodeControlMessage({ t: "list", id: 1 }));
  expect(got).toEqual(['1 {"t":"list","id":1}']);
});
