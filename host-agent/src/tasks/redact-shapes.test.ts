import { describe, expect, test } from "vitest";
import { seededRandom } from "../holder/testing/random.ts";
import { Shapes } from "./redact-shapes.ts";

const KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
const starred = (text: string): string => text.replaceAll(/[^\n]/g, "*");

/** Cut at these places; also what it says of the places must be what it wrote. */
function shaped(text: string, cuts: readonly number[] = []): string {
  const shapes = new Shapes();
  const file = Buffer.from(text);
  const out: Buffer[] = [];
  let at = 0;
  const write = ({ bytes, blots }: ReturnType<Shapes["push"]>) => {
    const base = out.reduce((sum, { byteLength }) => sum + byteLength, 0);
    for (const { from, to } of blots) file.set(bytes.subarray(from - base, to - base), from);
    out.push(Buffer.from(bytes));
  };
  for (const cut of [...cuts, text.length]) {
    write(shapes.push({ bytes: Buffer.from(text.slice(at, cut)), blots: [] }));
    at = cut;
  }
  write(shapes.push({ bytes: new Uint8Array(0), blots: [] }, true));
  expect(file.toString()).toBe(Buffer.concat(out).toString());
  return file.toString();
}

describe("[LG4] what looks like a secret", () => {
  test.each([
    `ghp_${"a1".repeat(18)}`,
    `github_pat_${"a1_".repeat(9)}`,
    `sk-ant-api03-${"x".repeat(90)}`,
    `AKIA${"ABCD".repeat(4)}`,
    `mst_att_${"q".repeat(40)}`,
    `npm_${"aB3".repeat(12)}`,
    `eyJ${"a".repeat(20)}.${"b".repeat(20)}.c-_d`,
    KEY,
  ])("%s is blotted out, its neighbours are not", (secret) => {
    for (const [before, after] of [
      ["", ""],
      ["token=", "\nnext"],
      ['{"k":"', '"}'],
    ] as const)
      expect(shaped(before + secret + after)).toBe(before + starred(secret) + after);
  });

  test.each([
    "task-of-the-weekend-shift",
    "risk-assessment-for-the-team",
    "sk-short",
    "mask-abcdefghijklmnop",
    "-----BEGIN CERTIFICATE-----",
    "npm_config_registry=https://registry.example/",
    "npm_package_devDependencies_typescript",
    `npm_${"a".repeat(35)}`,
  ])("ordinary '%s' stays", (text) => expect(shaped(`${text}\n`)).toBe(`${text}\n`));

  test("a key without an end is blotted out so far, and what follows is read on", () => {
    const text = `-----BEGIN PRIVATE KEY-----\n${"A".repeat(40_000)}`;
    const out = shaped(text, [10, 100, 20_000]);
    expect(out).toHaveLength(text.length);
    expect(out.endsWith("AAAA")).toBe(true);
    expect(out.slice(0, 16_000)).not.toMatch(/[A-Z]/);
  });

  test("wherever it is cut", () => {
    const text = `one ghp_${"a1".repeat(18)} two\n${KEY}\nthree sk-${"b".repeat(30)},task-of-the-weekend-shift\nnpm_config_registry npm_${"c".repeat(36)}\n`;
    const whole = shaped(text);
    expect(whole).toMatch(/^one \*{40} two\n[*\n]+\nthree \*{33},task-of-the-weekend-shift\nnpm_config_registry \*{40}\n$/);
    for (let cut = 1; cut < text.length; cut += 1) expect(shaped(text, [cut])).toBe(whole);
    const random = seededRandom(7);
    for (let round = 0; round < 200; round += 1) {
      const cuts = [...text].flatMap((_, at) => (random() < 0.2 ? [at] : []));
      expect(shaped(text, cuts)).toBe(whole);
    }
  });
});
