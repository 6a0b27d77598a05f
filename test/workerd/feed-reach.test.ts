/** [EV1] Who is limited to some hosts or agents follows their events only, live and stored, on every kind of answer. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import type { FleetEvent } from "@maestro/shared/contract/resources";
import { call, joinHost, json, makeToken } from "./access-fleet.ts";
import { Follower } from "./feed-sockets.ts";
import { sessionInfo } from "./support/host-words.ts";
import { linkedFleet, linkUp } from "./support/linked-fleet.ts";

type Linked = Awaited<ReturnType<typeof linkedFleet>>;

let linked: Linked;
let tokens: Record<"all" | "builder" | "other" | "teamA" | "teamB" | "both", string>;
beforeEach(async () => {
  linked = await linkedFleet();
  const { fleet, api } = linked;
  const limited = async (name: string, limits: object): Promise<string> => (await makeToken(fleet, { name, ...limits })).token;
  tokens = {
    all: fleet.owner.token,
    builder: await limited("t1", { hosts: "build*" }),
    other: await limited("t2", { hosts: "other" }),
    teamA: await limited("t3", { agents: "team-a-*" }),
    teamB: await limited("t4", { agents: "team-b-*" }),
    both: await limited("t5", { agents: "team-a-*", hosts: "other" }),
  };
  await json(api("/api/v1/agents", { body: { type: "shell", name: "team-a-x", workspace: "/tmp/w" } }));
});

const upgrade = { upgrade: "websocket", "sec-websocket-protocol": "maestro.v1" };
const feed = () => env.FEED.getByName(linked.fleet.id);
const head = async (): Promise<number> => (await feed().events("0", 1)).head;

/** What an answer of stored events tells, by type and what it is about. */
async function stored(token: string, since: number | "", query = ""): Promise<string[]> {
  const from = since === "" ? "" : `&since=${since}`;
  const text = await (await call(`/api/v1/events?follow=false${from}${query}`, { token })).text();
  return [...text.matchAll(/^data: (\{"id".*)$/gm)].map(([, data]) => line(JSON.parse(data ?? "") as FleetEvent));
}
const line = ({ type, data }: FleetEvent): string => `${type} ${String(data?.["name"])}`;

/** Everything that can happen to a session of an agent and to a plain one; the last event is the agent's. */
async function live(): Promise<void> {
  const { api, link } = linked;
  await json(api("/api/v1/agents/team-a-x/start", { body: {} }));
  const shell = sessionInfo({ name: "shell" });
  link.say({ t: "sessions", upsert: [shell], removed: [] });
  link.say({ t: "sessions", upsert: [{ ...shell, end: { reason: "exited", code: 0, atMs: 1 } }], removed: [] });
  link.say({ t: "sessions", upsert: [], removed: [shell.id] });
  await expect
    .poll(async () => (await stored(tokens.all, 0, "&limit=200")).filter((one) => one.startsWith("session.removed")))
    .toHaveLength(1);
  await json(api("/api/v1/agents/team-a-x/stop", { body: {} }));
  const [running] = link.sessions;
  link.say({ t: "sessions", upsert: [], removed: [running?.id] });
  await expect
    .poll(async () => (await stored(tokens.all, 0, "&limit=200")).filter((one) => one.startsWith("session.removed")))
    .toHaveLength(2);
  await makeToken(linked.fleet, { name: "fleet-wide" });
  await json(api("/api/v1/agents/team-a-x", { method: "PATCH", body: { tags: ["done"] } }));
}

const AGENT = [
  "session.created team-a-x",
  "agent.started team-a-x",
  "session.ended team-a-x",
  "agent.stopped team-a-x",
  "session.removed undefined",
  "agent.updated team-a-x",
];
const SHELL = ["session.created shell", "session.ended shell", "session.removed undefined"];

describe("events of what a credential may not see", () => {
  test("[F10] do not reach it, neither stored nor in a replay, across evictions", async () => {
    const since = await head();
    await evictDurableObject(feed());
    await live();
    expect((await stored(tokens.all, since)).toSorted()).toEqual([...AGENT, ...SHELL, "token.created undefined"].toSorted());
    expect((await stored(tokens.builder, since)).toSorted()).toEqual([...AGENT, ...SHELL].toSorted());
    expect((await stored(tokens.teamA, since)).toSorted()).toEqual(AGENT.toSorted());
    for (const token of [tokens.other, tokens.teamB, tokens.both]) expect(await stored(token, since)).toEqual([]);
    expect(await stored(tokens.teamA, since, "&limit=1")).toHaveLength(1);
    // What happened last, as far as it may hear that.
    const last = (await stored(tokens.teamA, since)).slice(-2);
    expect(await stored(tokens.teamA, "", "&limit=2")).toEqual(last);
    const follower = new Follower(await call(`/api/v1/events?since=${since}`, { token: tokens.teamA, headers: upgrade }));
    expect(await follower.next()).toEqual({ t: "hello", seq: await head() });
    const replayed: string[] = [];
    while (replayed.length < AGENT.length) replayed.push(line(await follower.event()));
    expect(replayed.toSorted()).toEqual(AGENT.toSorted());
    follower.socket.close(1000);
    // Also when that lies further back than what is read at once.
    await feed().append(Array.from({ length: 501 }, (_, i) => ({ type: "token.created", subject: `tok_${i}`, summary: "x", data: {} })));
    expect(await stored(tokens.teamA, "", "&limit=2")).toEqual(last);
    expect(await stored(tokens.other, "")).toEqual([]);
  });

  test("[F10] do not reach it live, on sockets and as server-sent events, while the object is evicted", async () => {
    const followers = new Map<string, Follower>();
    for (const [name, token] of Object.entries(tokens))
      followers.set(name, new Follower(await call("/api/v1/events", { token, headers: upgrade })));
    const stream = await call("/api/v1/events", { token: tokens.teamA });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    await evictDurableObject(feed());
    await live();
    // Told to everybody within reach of anything: whatever came before it is here.
    const other = await joinHost(linked.fleet, "other");
    await linkUp(other);
    const heard = async (name: string, until: string): Promise<string[]> => {
      const lines: string[] = [];
      for (;;) {
        const frame = await followers.get(name)?.next();
        if (frame?.t !== "event") continue;
        if (line(frame.event) === until) return lines;
        lines.push(line(frame.event));
      }
    };
    expect((await heard("teamA", "host.online other")).toSorted()).toEqual([...AGENT, "host.joined other"].toSorted());
    expect(await heard("other", "host.online other")).toEqual(["host.joined other"]);
    expect(await heard("both", "host.online other")).toEqual(["host.joined other"]);
    expect(await heard("teamB", "host.online other")).toEqual(["host.joined other"]);
    expect((await heard("builder", "agent.updated team-a-x")).toSorted()).toEqual(
      [...AGENT, ...SHELL].filter((one) => one !== "agent.updated team-a-x").toSorted(),
    );
    let text = "";
    while (!text.includes("host.online")) text += (await reader?.read())?.value ?? "";
    expect(text).toContain("agent.stopped");
    expect(text).not.toContain("shell");
    await reader?.cancel();
    for (const { socket } of followers.values()) socket.close(1000);
  });

  test("follow a new name from the event that tells it", async () => {
    const { api, link } = linked;
    const { id } = await json(api("/api/v1/agents/team-a-x"));
    const session = sessionInfo({ name: "s", agent: id });
    link.say({ t: "sessions", upsert: [session], removed: [] });
    await expect.poll(() => stored(tokens.teamA, 0, "&limit=200")).toContain("session.created s");
    const since = await head();
    await json(api("/api/v1/agents/team-a-x", { method: "PATCH", body: { name: "team-b-x" } }));
    link.say({ t: "sessions", upsert: [{ ...session, end: { reason: "killed", atMs: 1 } }], removed: [] });
    await expect.poll(() => stored(tokens.teamB, since)).toEqual(["agent.updated team-b-x", "session.ended s"]);
    expect(await stored(tokens.teamA, since)).toEqual([]);
  });
});
