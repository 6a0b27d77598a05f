import { expect, test } from "vitest";
import { ID_PREFIXES, idKind, idTime, isId, makeId, parseId } from "./ids.ts";

const random = Uint8Array.from({ length: 10 }, (_, i) => i * 25);

test("an id has its kind in front and 26 characters that cannot be confused", () => {
  expect(makeId("host", 1_790_000_000_000, random)).toMatch(/^hst_[0-9a-hjkmnp-tv-z]{26}$/);
});

test("ids sort by the time they were made at", () => {
  const times = [0, 1, 31, 32, 1_000, 1_790_000_000_000, 1_790_000_000_001, 2 ** 48];
  const ids = times.map((ms) => makeId("event", ms, random));
  expect(ids.toSorted()).toEqual(ids);
  expect(ids.map(idTime)).toEqual(times);
});

test("prefixes are three letters and unique", () => {
  const prefixes = Object.values(ID_PREFIXES);
  expect(new Set(prefixes).size).toBe(prefixes.length);
  for (const prefix of prefixes) expect(prefix).toMatch(/^[a-z]{3}$/);
});

test("an id of another kind, or with a character outside the alphabet, is refused with an example", () => {
  const id = makeId("host", 5, random);
  expect(parseId("host", id)).toEqual({ ok: true, value: id });
  for (const bad of [id.replace("hst", "ses"), `${id}0`, id.slice(0, -1), `${id.slice(0, -1)}u`, id.toUpperCase(), "", "hst_"]) {
    expect(isId("host", bad)).toBe(false);
    expect(parseId("host", bad)).toMatchObject({ ok: false, error: { code: "field_invalid", hint: expect.stringContaining("hst_") } });
  }
});

test("the beginning of an id tells its kind", () => {
  expect(idKind("ses_01j")).toBe("session");
  expect(idKind("session_1")).toBeUndefined();
});

test("too little randomness is a bug", () => {
  expect(() => makeId("host", 0, new Uint8Array(9))).toThrow(RangeError);
});
