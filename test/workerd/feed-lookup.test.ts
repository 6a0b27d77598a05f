/** Finding a session among those of the whole fleet, by what a person typed. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { sessionInfo } from "./support/host-words.ts";

const feed = () => env.FEED.getByName("flt_lookup");
const shell = sessionInfo({ name: "shell" });
const other = sessionInfo({ name: "shell" });
const logs = sessionInfo({ name: "logs 100%" });

beforeEach(async () => {
  await feed().project("hst_a", { facts: { connected: true }, sessions: { replace: true, upsert: [shell, logs], removed: [] } });
  await feed().project("hst_b", { facts: { connected: false }, sessions: { replace: true, upsert: [other], removed: [] } });
});

async function find(ref: string, limit = 10): Promise<unknown> {
  const found = await feed().findSessions(ref, limit);
  return found.map(({ host, facts, sessions }) => [host, facts.connected, ...sessions.map(({ id }) => id)]);
}

describe("a session is found", () => {
  test("by its name on every host that has one, with the host's facts, by its id and by the beginning of one", async () => {
    const both = [
      ["hst_a", true, shell.id],
      ["hst_b", false, other.id],
    ];
    expect(await find("shell")).toEqual(expect.arrayContaining(both));
    expect(await find("logs 100%")).toEqual([["hst_a", true, logs.id]]);
    expect(await find(other.id)).toEqual([["hst_b", false, other.id]]);
    expect(await find(logs.id.slice(0, -1))).toEqual([["hst_a", true, logs.id]]);
    await evictDurableObject(feed());
    expect(await find("shell")).toEqual(expect.arrayContaining(both));
  });

  test("under no other name, and no more often than was asked for", async () => {
    for (const ref of ["shel", "%", "", "ses_~", "hst_a"]) expect(await find(ref), ref).toEqual([]);
    for (const [ref, limit] of [
      ["shell", 1],
      ["ses_", 2],
    ] as const)
      expect(
        (await feed().findSessions(ref, limit)).flatMap(({ sessions }) => sessions),
        ref,
      ).toHaveLength(limit);
  });

  test("no longer when it was renamed, removed, or went with its host", async () => {
    await feed().project("hst_a", { sessions: { replace: false, upsert: [{ ...logs, name: "notes" }], removed: [shell.id] } });
    expect(await find("logs 100%")).toEqual([]);
    expect(await find("notes")).toEqual([["hst_a", true, logs.id]]);
    expect(await find("shell")).toEqual([["hst_b", false, other.id]]);
    await feed().forget("hst_b");
    expect(await find("shell")).toEqual([]);
  });
});
