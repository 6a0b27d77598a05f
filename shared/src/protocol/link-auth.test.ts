import { expect, test } from "vitest";
import {
  formatHostAuthorization,
  hostSigningText,
  joinSigningText,
  parseHostAuthorization,
  rotateSigningText,
  type HostClaim,
} from "./link-auth.ts";

const claim: HostClaim = {
  id: "hst_01j9zzzzzzzzzzzzzzzzzzzzzz",
  epoch: { start: 12, connect: 3 },
  instance: "a1B2c3D4e5F6",
  bootId: "5f0a-11",
  timeMs: 1_790_000_000_000,
  nonce: "n0nce-n0nce_n0nce",
};
const signature = "s".repeat(86);

test("[LK1] a claim survives its header", () => {
  expect(parseHostAuthorization(formatHostAuthorization(claim, signature))).toEqual({ ok: true, value: { claim, signature } });
});

test("[LK1] the signature covers origin, method, path and every part of the claim", () => {
  const text = hostSigningText(claim, "https://m.example", "GET", "/api/v1/hosts/self/link");
  const others = [
    hostSigningText(claim, "https://other.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText(claim, "https://m.example", "POST", "/api/v1/hosts/self/link"),
    hostSigningText(claim, "https://m.example", "GET", "/api/v1/me"),
    hostSigningText({ ...claim, id: "hst_01j9zzzzzzzzzzzzzzzzzzzzzy" }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText({ ...claim, epoch: { start: 12, connect: 4 } }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText({ ...claim, epoch: { start: 13, connect: 3 } }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText({ ...claim, instance: "a1B2c3D4e5F7" }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText({ ...claim, bootId: "5f0a-12" }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText({ ...claim, timeMs: claim.timeMs + 1 }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
    hostSigningText({ ...claim, nonce: "another-nonce-here" }, "https://m.example", "GET", "/api/v1/hosts/self/link"),
  ];
  expect(new Set([text, ...others]).size).toBe(others.length + 1);
});

test("[LK1] a signature for one purpose is worth nothing for another", () => {
  const texts = [hostSigningText(claim, "o", "GET", "p"), joinSigningText("o", "n", "s", "x"), rotateSigningText("o", claim.id, "s")];
  expect(new Set(texts.map((text) => text.split("\n")[0])).size).toBe(3);
});

const whole = formatHostAuthorization(claim, signature);
test.each([
  ["empty", ""],
  ["another scheme", whole.replace("Maestro-Host", "Bearer")],
  ["an id of another kind", whole.replace("hst_", "tok_")],
  ["an id too short", whole.replace("hst_0", "hst_")],
  ["a negative epoch", whole.replace("epoch=12", "epoch=-12")],
  ["an epoch in two halves missing", whole.replace("12.3", "12")],
  ["an epoch past exact integers", whole.replace("12.3", `${"9".repeat(16)}.3`)],
  ["a nonce too short", whole.replace("n0nce-n0nce_n0nce", "short")],
  ["a signature cut short", whole.slice(0, -1)],
  ["something behind it", `${whole}, id=hst_other`],
  ["a line break", whole.replace(",instance", "\n,instance")],
  ["reordered parts", whole.replace(/(id=\w+),(epoch=[\d.]+)/, "$2,$1")],
])("[LK1] a header with %s is malformed, and says what to do", (_, header) => {
  const parsed = parseHostAuthorization(header);
  expect(parsed).toMatchObject({ ok: false, error: { code: "signature_invalid", hint: expect.any(String) } });
});
