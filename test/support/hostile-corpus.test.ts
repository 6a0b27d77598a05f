import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeCase, HostileCorpus, HostileEffect } from "../fixtures/hostile-escapes.ts";

const corpus = HostileCorpus.parse(JSON.parse(readFileSync(new URL("../fixtures/hostile-escapes.json", import.meta.url), "utf8")));

test("the corpus has at least 80 cases with names of their own", () => {
  expect(corpus.length).toBeGreaterThanOrEqual(80);
  expect(new Set(corpus.map((one) => one.name)).size).toBe(corpus.length);
});

test.each(HostileEffect.options)("the corpus tries to cause: %s", (effect) => {
  expect(corpus.some((one) => one.mustNot.includes(effect))).toBe(true);
});

test("every case writes something, and less than a megabyte", () => {
  for (const one of corpus) {
    const bytes = decodeCase(one).reduce((sum, chunk) => sum + chunk.byteLength, 0);
    expect(bytes, one.name).toBeGreaterThan(0);
    expect(bytes, one.name).toBeLessThan(1_000_000);
  }
});

test("only what may be a reply is allowed to be the writer's reply", () => {
  for (const one of corpus) if (one.writerMayReply) expect(one.mustNot, one.name).toContain("reply");
});
