/** Rows 34–48 of the table of bad inputs, as far as they reach a HostRelay: exact code and close code. */
import { describe, expect, test } from "vitest";
import { HEADER_BYTES } from "@maestro/shared/protocol/frame";
import type { FrameSocket } from "./support/relay-frames.ts";
import type { FakeViewer } from "./support/fake-viewer.ts";
import { helloOf, sessionInfo } from "./support/host-words.ts";
import { relayFixture } from "./support/relay-fixture.ts";

const session = sessionInfo();
const HELLO = { t: "hello", versions: { min: 1, max: 1 } };

/** A binary header with this kind and offset words. */
function header(kind: number, high = 0, low = 0, payload = 0): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind);
  view.setUint32(8, high);
  view.setUint32(12, low);
  return bytes;
}

interface Ending {
  row: string;
  send: (socket: FrameSocket) => void;
  code: number;
  reason: string;
}

/** A viewer is told in an error frame before the close: code, field and hint, as in an answer over HTTP. Not of 1007, which is the platform's. */
interface Told extends Ending {
  error: { code: string; field?: string; hint?: string; detail?: string } | undefined;
}

const AS_WRITTEN = "PROTOCOL.md has every frame's fields; a newer version may be needed.";

const text = (frame: object) => (socket: FrameSocket) => socket.say(frame);
const raw = (data: string | Uint8Array) => (socket: FrameSocket) => socket.raw(data);

describe("a viewer's socket ends", () => {
  const greeting: Told[] = [
    { row: "39 binary where text is due", send: raw(header(2)), code: 4400, reason: "frame_kind", error: { code: "frame_kind" } },
    {
      row: "40 a binary frame of 300 KiB",
      send: raw(new Uint8Array(300 * 1024)),
      code: 4413,
      reason: "frame_too_large",
      error: { code: "frame_too_large", detail: "A frame of 307200 bytes; at most 262144 are taken." },
    },
    {
      row: "40 a text frame of 300 KiB",
      send: raw(JSON.stringify({ t: "hello", x: "a".repeat(300 * 1024) })),
      code: 4413,
      reason: "frame_too_large",
      error: {
        code: "frame_too_large",
        detail: "A control frame of 307220 bytes; at most 65536 are taken.",
        hint: "Send what can outgrow it in pages or as blob frames.",
      },
    },
    {
      row: "40 a text frame of 64 KiB in characters, and more in bytes",
      send: raw(JSON.stringify({ t: "hello", x: "終".repeat(30 * 1024) })),
      code: 4413,
      reason: "frame_too_large",
      error: { code: "frame_too_large", hint: "Send what can outgrow it in pages or as blob frames." },
    },
    {
      row: "42 text that was not UTF-8",
      send: raw('{"t":"hello","resume":"\uFFFD"}'),
      code: 1007,
      reason: "frame_invalid",
      error: undefined,
    },
    {
      row: "48 version 99",
      send: text({ t: "hello", versions: { min: 99, max: 99 } }),
      code: 4426,
      reason: "upgrade_required 1-1",
      error: {
        code: "upgrade_required",
        detail: "Versions 99–99 were offered; 1–1 are spoken here.",
        hint: "Upgrade the control plane.",
      },
    },
    {
      row: "44 a negative offset",
      send: text({ ...HELLO, from: { epoch: 1, offset: -1 } }),
      code: 4400,
      reason: "offset_invalid",
      error: { code: "offset_invalid", field: "from.offset", hint: AS_WRITTEN },
    },
    {
      row: "text that is no JSON",
      send: raw("{"),
      code: 4400,
      reason: "frame_invalid",
      error: { code: "frame_invalid", hint: AS_WRITTEN },
    },
    {
      row: "a known frame of the wrong shape",
      send: text({ t: "hello" }),
      code: 4400,
      reason: "frame_invalid",
      error: { code: "frame_invalid", field: "versions", hint: AS_WRITTEN },
    },
    {
      row: "another frame before the hello",
      send: text({ t: "take", id: 1 }),
      code: 4400,
      reason: "frame_invalid",
      error: { code: "frame_invalid" },
    },
  ];
  test.each(greeting)("[VR2] [VR3] row $row → $code $reason", async ({ send, code, reason, error }) => {
    const relay = relayFixture();
    await relay.host_([session]);
    const viewer = await relay.viewer(session.id);
    send(viewer);
    if (error !== undefined) expect((await viewer.next("error"))["error"]).toMatchObject(error);
    expect(await viewer.closed).toEqual({ code, reason });
  });

  const open: Told[] = [
    {
      row: "44 an offset beyond 2^53",
      send: raw(header(2, 0xffff_ffff)),
      code: 4400,
      reason: "offset_invalid",
      error: { code: "offset_invalid", field: "offset" },
    },
    {
      row: "44 an acknowledgement beyond 2^53",
      send: raw('{"t":"ack","epoch":1,"offset":18446744073709551615}'),
      code: 4400,
      reason: "offset_invalid",
      error: { code: "offset_invalid", field: "offset", hint: AS_WRITTEN },
    },
    { row: "39 output from a viewer", send: raw(header(1)), code: 4400, reason: "frame_kind", error: { code: "frame_kind" } },
    {
      row: "a frame without a whole header",
      send: raw(new Uint8Array(5)),
      code: 4400,
      reason: "frame_invalid",
      error: { code: "frame_invalid" },
    },
    { row: "a second hello", send: text(HELLO), code: 4400, reason: "frame_invalid", error: { code: "frame_invalid" } },
    {
      row: "more control messages than the burst",
      send: (socket) => Array.from({ length: 2_000 }, () => socket.say({ t: "resize", cols: 80, rows: 24 })),
      code: 4429,
      reason: "rate_limited",
      error: { code: "rate_limited" },
    },
  ];
  test.each(open)("[VR2] [VR4] row $row → $code $reason", async ({ send, code, reason, error }) => {
    const relay = relayFixture();
    await relay.host_([session]);
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    send(viewer);
    expect((await viewer.next("error"))["error"]).toMatchObject(error ?? {});
    expect(await viewer.closed).toEqual({ code, reason });
  });
});

describe("a viewer's socket goes on", () => {
  async function attached(more: object = {}): Promise<{ viewer: FakeViewer; relay: ReturnType<typeof relayFixture> }> {
    const relay = relayFixture();
    await relay.host_([session]);
    const viewer = await relay.viewer(session.id, more);
    await viewer.hello();
    await viewer.reaches(0);
    return { viewer, relay };
  }

  test("[VR2] row 38: an unknown type is ignored, and answered when it carries an id", async () => {
    const { viewer } = await attached();
    viewer.say({ t: "teleport" });
    viewer.say({ t: "teleport", id: 9 });
    expect(await viewer.next("error")).toMatchObject({ id: 9, error: { code: "type_unknown" } });
    viewer.raw(header(200));
    await viewer.pingPong();
  });

  test.each([
    [0, 0, "cols"],
    ["NaN", 24, "cols"],
    [1e6, 24, "cols"],
    [80, 1e6, "rows"],
    [80, null, "rows"],
    [80.5, 24, "cols"],
  ])("[VW3] row 46: resize %s×%s is answered size_out_of_range", async (cols, rows, field) => {
    const { viewer } = await attached();
    viewer.say({ t: "resize", cols, rows });
    expect(await viewer.next("error")).toMatchObject({
      error: { code: "size_out_of_range", field, hint: "A size is a whole number from 1 to 1000." },
    });
    await viewer.pingPong();
  });

  test.each([
    ["without the right", { canWrite: false }, {}],
    ["that asked to read only", {}, { readOnly: true }],
  ])("[VW2] row 47: input of a viewer %s is answered read_only", async (_name, context, hello) => {
    const relay = relayFixture();
    const host = await relay.host_([session]);
    const viewer = await relay.viewer(session.id, context);
    await viewer.hello(hello);
    await viewer.reaches(0);
    viewer.type("rm");
    const hint = "Attach without --read-only, with a credential that has terminals:write.";
    expect(await viewer.next("error")).toMatchObject({ error: { code: "read_only", hint } });
    viewer.say({ t: "take", id: 3 });
    expect(await viewer.next("error")).toMatchObject({ id: 3, error: { code: "read_only", hint } });
    expect(host.inputs).toEqual([]);
  });

  test("[VW4] acknowledgements are outside the rate limit", async () => {
    const { viewer } = await attached();
    for (let i = 0; i < 500; i++) viewer.ack();
    viewer.say({ t: "teleport", id: 1 });
    expect(await viewer.next("error")).toMatchObject({ error: { code: "type_unknown" } });
  });

  test("[VW2] input beyond the rate is dropped and said so", async () => {
    const { viewer } = await attached();
    for (let i = 0; i < 4; i++) viewer.data("input", new Uint8Array(60 * 1024));
    expect(await viewer.next("error")).toMatchObject({ error: { code: "rate_limited" } });
    viewer.data("input", new Uint8Array(100 * 1024));
    await viewer.next("error", (frame) => JSON.stringify(frame).includes("input_refused"));
  });
});

describe("before the upgrade", () => {
  const problem = async (response: Response): Promise<unknown> => {
    const { code, hint } = await response.json<{ code: string; hint?: string }>();
    return { status: response.status, code, ...(hint === undefined ? {} : { hint }) };
  };

  test("[VW1] row 35: a ticket opens one socket, whatever becomes of the first", async () => {
    const relay = relayFixture();
    await relay.host_([session]);
    const ticket = { nonce: "n1", expiresMs: Date.now() + 30_000 };
    const first = await relay.watch(session.id, { ticket });
    expect(first.status).toBe(101);
    expect(first.headers.get("sec-websocket-protocol")).toBe("maestro.v1");
    first.webSocket?.accept();
    await relay.evict();
    expect(await problem(await relay.watch(session.id, { ticket }))).toEqual({
      status: 401,
      code: "ticket_used",
      hint: "A ticket works once; ask for a new one.",
    });
    expect(await problem(await relay.watch(session.id, { ticket: { nonce: "n2", expiresMs: Date.now() - 1 } }))).toEqual({
      status: 401,
      code: "ticket_expired",
      hint: "Ask for a new one.",
    });
  });

  test("[VW1] a session that does not exist is not found", async () => {
    const relay = relayFixture();
    await relay.host_([session]);
    expect(await problem(await relay.watch("ses_01m7x6whsypmry1h0000000000"))).toEqual({ status: 404, code: "session_not_found" });
  });

  test("[VW4] the 101st viewer of a session is refused", async () => {
    const relay = relayFixture();
    await relay.host_([session]);
    for (let i = 0; i < 100; i++) (await relay.watch(session.id)).webSocket?.accept();
    await relay.evict();
    expect(await problem(await relay.watch(session.id))).toEqual({
      status: 429,
      code: "too_many_viewers",
      hint: "Close one, or try again later.",
    });
  });
});

describe("a link ends", () => {
  const greeting: Ending[] = [
    { row: "39 binary where text is due", send: raw(header(1)), code: 4400, reason: "frame_kind" },
    { row: "40 a frame of 300 KiB", send: raw(new Uint8Array(300 * 1024)), code: 4413, reason: "frame_too_large" },
    {
      row: "48 version 99",
      send: text({ ...helloOf("instance-a", []), versions: { min: 99, max: 99 } }),
      code: 4426,
      reason: "upgrade_required 1-1",
    },
    {
      row: "another frame before the hello",
      send: text({ t: "metrics", metrics: { cpu: 0, memory: 0, disk: 0, load1: 0 } }),
      code: 4400,
      reason: "frame_invalid",
    },
    { row: "a hello of another process", send: text(helloOf("instance-b", [])), code: 4400, reason: "frame_invalid" },
  ];
  test.each(greeting)("[LK3] row $row → $code $reason", async ({ send, code, reason }) => {
    const link = await relayFixture().link();
    send(link);
    expect(await link.closed).toEqual({ code, reason });
  });

  const open: Ending[] = [
    { row: "44 an offset beyond 2^53", send: raw(header(1, 0xffff_ffff)), code: 4400, reason: "offset_invalid" },
    { row: "39 input from a host", send: raw(header(2)), code: 4400, reason: "frame_kind" },
    { row: "a malformed known frame", send: text({ t: "gap", channel: 0 }), code: 4400, reason: "frame_invalid" },
  ];
  test.each(open)("[VR2] row $row → $code $reason", async ({ send, code, reason }) => {
    const host = await relayFixture().host_([]);
    send(host);
    expect(await host.closed).toEqual({ code, reason });
  });

  test("[LK8] by news beyond the rate → 4429; answers to the relay are not counted", async () => {
    const relay = relayFixture();
    const host = await relay.host_([]);
    for (let i = 0; i < 2_000; i++) host.say({ t: "reply", id: 1, value: {} });
    await host.pingPong();
    expect((await relay.stub.status()).connected).toBe(true);
    for (let i = 0; i < 2_000; i++) host.say({ t: "teleport" });
    expect(await host.closed).toEqual({ code: 4429, reason: "rate_limited" });
  });

  test("[VR2] row 45: a watch answered with another session is foreign → 4403", async () => {
    const relay = relayFixture();
    const host = await relay.host_([session]);
    host.silent.add("watch");
    const viewer = await relay.viewer(session.id);
    await viewer.hello();
    const { id } = await host.next("watch");
    host.say({ t: "reply", id, value: { channel: 9, epoch: 1, offset: 0, resumed: false, session: sessionInfo() } });
    expect(await host.closed).toEqual({ code: 4403, reason: "session_foreign" });
  });

  test("[VR2] unknown types, unknown kinds and data on channels that are not open are ignored", async () => {
    const relay = relayFixture();
    const host = await relay.host_([session]);
    host.say({ t: "teleport" });
    host.raw(header(200));
    host.data("output", new Uint8Array(10), { channel: 77 });
    host.data("output", new Uint8Array(10), { channel: 77 });
    expect(await host.next("unwatch")).toMatchObject({ channel: 77 });
    await host.pingPong();
    expect(host.asked.filter(({ t }) => t === "unwatch")).toHaveLength(1);
  });
});
