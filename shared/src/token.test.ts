import { expect, test } from "vitest";
import { chooseSeed, seededRandom } from "../../test/support/random.ts";
import { formatAttemptToken, formatToken, parseAttemptToken, parseToken, type TokenKind } from "./token.ts";

const KINDS = ["pat", "join", "login", "boot"] as const satisfies readonly TokenKind[];
const seed = chooseSeed();
const bytes = (offset = 0): Uint8Array => {
  const random = seededRandom(seed + offset);
  return Uint8Array.from({ length: 96 }, () => random.int(0, 255));
};

test.each(KINDS)("a %s token comes back with its id and secret", (kind) => {
  const token = formatToken(kind, bytes());
  const parsed = parseToken(token, KINDS);
  expect(parsed).toMatchObject({ ok: true, value: { kind } });
  expect(parsed.ok && token).toContain(parsed.ok ? `${parsed.value.id}_${parsed.value.secret}` : "");
});

test(`any single mistyped character is caught before a server is asked (seed ${seed})`, () => {
  const token = formatToken("pat", bytes());
  for (let i = 0; i < token.length; i++) {
    for (const char of "0aZ_") {
      if (token[i] === char) continue;
      const typed = token.slice(0, i) + char + token.slice(i + 1);
      expect(parseToken(typed, KINDS).ok, typed).toBe(false);
    }
  }
});

test("swapped neighbours and truncation are caught", () => {
  const token = formatToken("pat", bytes());
  for (let i = 0; i + 1 < token.length; i++) {
    if (token[i] === token[i + 1]) continue;
    expect(parseToken(`${token.slice(0, i)}${token[i + 1] ?? ""}${token[i] ?? ""}${token.slice(i + 2)}`, KINDS).ok).toBe(false);
  }
  for (let length = 0; length < token.length; length++) expect(parseToken(token.slice(0, length), KINDS).ok).toBe(false);
});

test("a token of another kind is refused with the kind that is wanted", () => {
  const parsed = parseToken(formatToken("join", bytes()), ["pat"]);
  expect(parsed).toMatchObject({ ok: false, error: { code: "token_malformed", hint: expect.stringContaining("mst_pat_") } });
});

test("a refusal never repeats the secret", () => {
  const token = formatToken("pat", bytes());
  expect(JSON.stringify(parseToken(`${token}x`, KINDS))).not.toContain(token.slice(21, 40));
});

test("too little randomness is a bug, not a weak token", () => {
  expect(() => formatToken("pat", new Uint8Array(54))).toThrow(RangeError);
  expect(() => formatToken("pat", new Uint8Array(96).fill(255))).toThrow(RangeError);
});

test(`a thousand tokens share neither id nor secret (seed ${seed})`, () => {
  const parsed = Array.from({ length: 1000 }, (_, i) => parseToken(formatToken("pat", bytes(i)), ["pat"])).flatMap((one) =>
    one.ok ? one.value : [],
  );
  expect(new Set(parsed.map(({ id }) => id)).size).toBe(1000);
  expect(new Set(parsed.map(({ secret }) => secret)).size).toBe(1000);
});

const claim = { fleet: "flt_01j9", task: "t-1_x", attempt: "att_01j9", fence: 12 };
const mac = "A-_9".repeat(10) + "abc";

test("an agent's token says whom it speaks for, and any mistyped character is caught", () => {
  const token = formatAttemptToken(claim, mac);
  expect(parseAttemptToken(token)).toEqual({ ok: true, value: { claim, mac } });
  for (let i = 0; i < token.length; i++)
    for (const char of "0aZ_.-") {
      if (token[i] === char) continue;
      const typed = token.slice(0, i) + char + token.slice(i + 1);
      expect(parseAttemptToken(typed).ok, typed).toBe(false);
    }
});

test("an agent's token is no person's, and a person's no agent's", () => {
  expect(parseToken(formatAttemptToken(claim, mac), ["pat"])).toMatchObject({
    ok: false,
    error: { code: "token_malformed", detail: "A 'att' token cannot be used here." },
  });
  expect(parseAttemptToken(formatToken("pat", bytes())).ok).toBe(false);
});

test("ids that would read as something else are a bug, not a token", () => {
  expect(() => formatAttemptToken({ ...claim, task: "a.b" }, mac)).toThrow(RangeError);
  expect(() => formatAttemptToken(claim, "short")).toThrow(RangeError);
});
