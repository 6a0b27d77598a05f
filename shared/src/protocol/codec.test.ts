import { describe, expect, test } from "vitest";
import { MAX_CONTROL_BYTES } from "../limits.ts";
import { decodeControl, encodeControl } from "./codec.ts";
import { HostFrames, RelayFrames, RequestResults, type HostFrame, type RelayFrame } from "./link.ts";
import { ToViewerFrames, ViewerFrames, type ViewerFrame } from "./viewer.ts";

const viewer = (text: string) => decodeControl<ViewerFrame>(text, ViewerFrames);
const relay = (text: string) => decodeControl<RelayFrame>(text, RelayFrames);
const host = (text: string) => decodeControl<HostFrame>(text, HostFrames);

test("[VR3] a control frame is JSON with its type in `t`", () => {
  const frame = { t: "ack", epoch: 1, offset: 131_072 };
  expect(viewer(encodeControl(frame))).toEqual({ ok: true, value: { type: "frame", frame } });
});

test.each([
  ["no JSON", "ping"],
  ["half a JSON", '{"t":"ack"'],
  ["an array", '["t","ack"]'],
  ["a bare string", '"ack"'],
  ["null", "null"],
  ["no type", '{"epoch":1}'],
  ["a type that is no string", '{"t":7}'],
  ["a type without end", JSON.stringify({ t: "x".repeat(65) })],
  ["an id that is no integer", '{"t":"newer","id":1.5}'],
])("[VR2] a text frame of %s is malformed", (_, text) => {
  expect(viewer(text)).toMatchObject({ ok: false, error: { code: "frame_invalid" } });
});

test("[VR3] a control frame past its limit is refused before it is parsed", () => {
  const text = `{"t":"ack","pad":"${"x".repeat(MAX_CONTROL_BYTES)}"}`;
  expect(viewer(text)).toMatchObject({ ok: false, error: { code: "frame_too_large" } });
});

test.each([
  ["one byte a unit", "x", 1],
  ["two bytes a unit", "é", 2],
  ["three bytes a unit", "終", 3],
  ["four bytes a pair", "🎼", 4],
  ["half a pair, sent as three bytes", "\ud83c", 3],
])("[VR3] the limit is one of bytes in UTF-8, to the byte: %s", (_, char, bytes) => {
  const envelope = '{"t":"newer","pad":""}'.length;
  const fits = char.repeat(Math.floor((MAX_CONTROL_BYTES - envelope) / bytes));
  const text = (pad: string): string => `{"t":"newer","pad":"${pad}"}`;
  const room = MAX_CONTROL_BYTES - envelope - fits.length * (bytes / char.length);
  expect(viewer(text(fits + "x".repeat(room)))).toMatchObject({ ok: true });
  expect(viewer(text(fits + "x".repeat(room + 1)))).toMatchObject({
    ok: false,
    error: { code: "frame_too_large", detail: "A control frame of 65537 bytes; at most 65536 are taken." },
  });
});

test("[VR2] a type this version does not know is told apart, with the id to answer", () => {
  expect(relay('{"t":"session.fork","id":9,"whatever":true}')).toEqual({
    ok: true,
    value: { type: "unknown", name: "session.fork", id: 9 },
  });
  expect(relay('{"t":"hint"}')).toEqual({ ok: true, value: { type: "unknown", name: "hint", id: undefined } });
});

test("[VR2] a property of Object is no frame type", () => {
  for (const t of ["constructor", "toString", "__proto__"])
    expect(viewer(JSON.stringify({ t }))).toMatchObject({ ok: true, value: { type: "unknown" } });
});

test("[VR2] a malformed known frame names the frame and the field", () => {
  const decoded = viewer('{"t":"ack","epoch":1,"offset":-1}');
  expect(decoded).toMatchObject({ ok: false, error: { code: "frame_invalid", field: "offset", detail: expect.stringContaining("'ack'") } });
});

test("[VR2] fields of a newer version are ignored, not refused", () => {
  expect(viewer('{"t":"ack","epoch":1,"offset":5,"urgency":"high"}')).toMatchObject({
    ok: true,
    value: { type: "frame", frame: { t: "ack" } },
  });
});

test.each([
  [-1, 0],
  [0, Number.MAX_SAFE_INTEGER + 1],
  [65_536, 0],
  [0.5, 0],
])("[VR4] an acknowledgement of epoch %d at %d is out of range", (epoch, offset) => {
  expect(viewer(JSON.stringify({ t: "ack", epoch, offset }))).toMatchObject({ ok: false, error: { code: "frame_invalid" } });
});

test("[VW3] a resize is taken whatever it holds, so that the answer can say size_out_of_range", () => {
  for (const cols of [0, 1001, -1, "80", null]) expect(viewer(JSON.stringify({ t: "resize", cols, rows: 24 }))).toMatchObject({ ok: true });
});

test("[LK3] a host's hello without its instance is malformed", () => {
  expect(host('{"t":"hello","versions":{"min":1,"max":1}}')).toMatchObject({ ok: false, error: { code: "frame_invalid" } });
});

describe("tables", () => {
  const tables = { HostFrames, RelayFrames, ViewerFrames, ToViewerFrames };

  test.each(Object.entries(tables))("[VR2] every schema of %s stands under its own type", (_, table) => {
    for (const [name, schema] of Object.entries(table)) expect(schema.shape.t.value).toBe(name);
  });

  test("[VR5] exactly the relay's frames with an id have a result", () => {
    const withId = Object.entries(RelayFrames).flatMap(([name, schema]) => ("id" in schema.shape ? name : []));
    expect(withId.toSorted()).toEqual(Object.keys(RequestResults).toSorted());
  });
});
