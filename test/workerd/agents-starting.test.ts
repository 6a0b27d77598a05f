/** An agent whose start takes long, or whose answer is lost: never two of it, and never one that nobody can stop. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { json, refusal } from "./access-fleet.ts";
import { sessionInfo } from "./support/host-words.ts";
import { linkedFleet, linkUp } from "./support/linked-fleet.ts";
import type { Text } from "./support/relay-frames.ts";

type Linked = Awaited<ReturnType<typeof linkedFleet>>;

/** An agent, and a start of it that the host has taken and not answered. */
async function startUnderWay(): Promise<Linked & { asked: Text; answer: Promise<Response>; finish(): void }> {
  const linked = await linkedFleet();
  const { api, link } = linked;
  await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
  link.silent.add("agent.start");
  const answer = api("/api/v1/agents/shell/start", { body: {} });
  await expect.poll(() => starts(linked)).toHaveLength(1);
  const [asked] = starts(linked);
  if (asked === undefined) throw new Error("it was asked");
  const finish = (): void => {
    const session = born(asked);
    link.sessions.push(session);
    link.say({ t: "reply", id: asked["id"], value: { session } });
  };
  return { ...linked, asked, answer, finish };
}

const starts = ({ link }: Pick<Linked, "link">): Text[] => link.asked.filter(({ t }) => t === "agent.start");

function born(asked: Text, more: Partial<SessionInfo> = {}): SessionInfo {
  const agent = asked["agent"] as { id: string; name: string };
  return sessionInfo({ id: String(asked["session"]), name: agent.name, agent: agent.id, ...more });
}

/** The host's patience has ended: its request is answered `timeout`. */
async function timeOut({ fleet, host }: Linked): Promise<void> {
  const relay = env.HOST_RELAY.getByName(`${fleet.id}/${host.id}`);
  await runInDurableObject(relay, (instance) => {
    const at = instance.now() + REQUEST_TIMEOUT_MS;
    instance.now = () => at;
  });
  await runDurableObjectAlarm(relay);
}

const age = (ms: number): Promise<unknown> => {
  // A session's id holds the time it was asked for.
  const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
  let rest = Date.now() - ms;
  let time = "";
  for (let i = 0; i < 10; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  return env.DB.prepare("update agents set session = 'ses_' || ? || substr(session, 15)").bind(time).run();
};

describe("while an agent is being started", () => {
  test("a second start is refused, and so is removing it", async () => {
    const linked = await startUnderWay();
    const { api, answer, finish } = linked;
    expect((await json(api("/api/v1/agents/shell"))).status).toBe("starting");
    expect((await refusal(api("/api/v1/agents/shell/start", { body: {} }), "agent_running")).detail).toContain("being started");
    await refusal(api("/api/v1/agents/shell", { method: "DELETE" }), "agent_running");
    finish();
    const session = await json(answer);
    expect(await json(api("/api/v1/agents/shell"))).toMatchObject({ status: "working", session: session.id });
    expect(starts(linked)).toHaveLength(1);
  });

  test("stop ends the session that is coming; where the host has none yet, stop and restart are refused", async () => {
    const linked = await startUnderWay();
    const { api, link, asked, answer, finish } = linked;
    link.answers.set("session.kill", (): Text => ({ t: "", code: "session_not_found", detail: "No such session." }));
    expect((await refusal(api("/api/v1/agents/shell/stop", { body: {} }), "agent_running")).detail).toContain("being started");
    await refusal(api("/api/v1/agents/shell/restart", { body: {} }), "agent_running");
    expect(starts(linked)).toHaveLength(1);
    link.answers.set("session.kill", () => ({ killed: true }));
    expect(await json(api("/api/v1/agents/shell/stop", { body: {} }))).toMatchObject({ status: "idle" });
    expect(link.asked.filter(({ t }) => t === "session.kill").at(-1)).toMatchObject({ session: asked["session"] });
    finish();
    await answer;
  });

  test("changing it or a refusal by the host leaves no start behind that is none", async () => {
    const { api, link } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    const { id } = await json(api("/api/v1/agents/shell/start", { body: {} }));
    await json(api("/api/v1/agents/shell/stop", { body: {} }));
    link.say({ t: "sessions", upsert: [], removed: [id] });
    await expect.poll(async () => (await json(api("/api/v1/sessions"))).items).toEqual([]);
    await age(31_000);
    await json(api("/api/v1/agents/shell", { method: "PATCH", body: { tags: ["x"] } }));
    expect((await json(api("/api/v1/agents/shell"))).status).toBe("idle");
  });
});

describe("an agent whose session ended at once and was forgotten", () => {
  /** A host that ends a session itself and forgets it when it is told to end it. */
  async function ended(): Promise<Linked & { id: string }> {
    const linked = await linkedFleet();
    const { api, link } = linked;
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    const { id } = await json(api("/api/v1/agents/shell/start", { body: {} }));
    link.answers.set("session.kill", () => {
      link.say({ t: "sessions", upsert: [], removed: [id] });
      return { killed: false };
    });
    return { ...linked, id };
  }
  const gone = ({ api }: Linked): Promise<void> => expect.poll(async () => (await json(api("/api/v1/sessions"))).items).toEqual([]);

  test("by dismissing it starts again at once", async () => {
    const linked = await ended();
    const { api, link, id } = linked;
    const end = { reason: "exited" as const, code: 1, atMs: Date.now() };
    const agent = (await json(api("/api/v1/agents/shell"))).id;
    link.say({ t: "sessions", upsert: [sessionInfo({ id, agent, end })], removed: [] });
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("failed");
    expect((await api(`/api/v1/sessions/${id}`, { method: "DELETE" })).status).toBe(204);
    await gone(linked);
    expect((await json(api("/api/v1/agents/shell"))).status).toBe("idle");
    expect(await json(api("/api/v1/agents/shell/start", { body: {} }))).toMatchObject({ status: "running" });
  });

  test("by a stop starts again at once", async () => {
    const linked = await ended();
    const { api } = linked;
    await json(api("/api/v1/agents/shell/stop", { body: {} }));
    await gone(linked);
    expect((await json(api("/api/v1/agents/shell"))).status).toBe("idle");
    expect(await json(api("/api/v1/agents/shell/start", { body: {} }))).toMatchObject({ status: "running" });
  });

  test("by a stop before the host told of it is idle at once", async () => {
    const { api, link, answer, finish } = await startUnderWay();
    link.answers.set("session.kill", () => ({ killed: false }));
    expect(await json(api("/api/v1/agents/shell/stop", { body: {} }))).toMatchObject({ status: "idle" });
    finish();
    await answer;
  });
});

describe("when the answer to a start is lost", () => {
  test("by time: the agent is starting still, and what the host then says of it is believed", async () => {
    const linked = await startUnderWay();
    const { api, link, asked, answer } = linked;
    await timeOut(linked);
    expect((await refusal(answer, "timeout")).hint).toContain("agent show shell");
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "agent_running");
    link.say({ t: "sessions", upsert: [born(asked)], removed: [] });
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("working");
    expect(await json(api("/api/v1/agents/shell"))).toMatchObject({ session: asked["session"] });
    expect(starts(linked)).toHaveLength(1);
  });

  test("with the link: it is not started again on the next one before the host has told what runs", async () => {
    const linked = await startUnderWay();
    const { api, link, host, asked, answer } = linked;
    link.socket.close(4000, "cut");
    await refusal(answer, "host_unreachable");
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "host_unreachable");
    await refusal(api("/api/v1/agents/shell", { method: "DELETE" }), "agent_running");
    const next = await linkUp(host, []);
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "agent_running");
    next.say({ t: "sessions", upsert: [born(asked)], removed: [] });
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("working");
    expect(await json(api("/api/v1/agents/shell/stop", { body: {} }))).toMatchObject({ status: "idle" });
  });

  test("its Idempotency-Key is not given to a repeat before it counts as abandoned", async () => {
    const linked = await linkedFleet();
    const { api, link, host } = linked;
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    link.silent.add("agent.start");
    const start = (): Promise<Response> => api("/api/v1/agents/shell/start", { body: {}, headers: { "idempotency-key": "k1" } });
    const first = start();
    await expect.poll(() => starts(linked)).toHaveLength(1);
    link.socket.close(4000, "cut");
    await refusal(first, "host_unreachable");
    const next = await linkUp(host);
    await refusal(start(), "idempotency_in_progress");
    expect(starts({ link: next })).toEqual([]);
  });

  test.each([
    ["/api/v1/agents/shell/start", {}],
    ["/api/v1/sessions", { name: "build" }],
  ])("where the host was away before it was asked, the same key does it once the host is back: %s", async (path, body) => {
    const { api, link, host } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    link.socket.close(4000, "cut");
    const ask = (): Promise<Response> => api(path, { body, headers: { "idempotency-key": "k1" } });
    await refusal(ask(), "host_unreachable");
    await linkUp(host, []);
    expect(await json(ask())).toMatchObject({ status: "running" });
  });

  test("a start that came to nothing is over after a while", async () => {
    const linked = await startUnderWay();
    const { api, link, answer } = linked;
    await timeOut(linked);
    await refusal(answer, "timeout");
    await age(31_000);
    expect((await json(api("/api/v1/agents/shell"))).status).toBe("idle");
    link.silent.clear();
    expect(await json(api("/api/v1/agents/shell/start", { body: {} }))).toMatchObject({ status: "running" });
  });

  test("a host that is away was asked nothing: the agent is as it was, and starts at once when it is back", async () => {
    const { api, link, host } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    link.socket.close(4000, "cut");
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "host_unreachable");
    expect((await json(api("/api/v1/agents/shell"))).status).toBe("idle");
    await linkUp(host, []);
    expect(await json(api("/api/v1/agents/shell/start", { body: {} }))).toMatchObject({ status: "running" });
  });
});

describe("a living session that its host says is the agent's", () => {
  test("is the agent running, whatever was noted: not started beside, shown, stopped and never removed under it", async () => {
    const { api, link } = await linkedFleet();
    const { id } = await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    const session = sessionInfo({ agent: id });
    link.sessions.push(session);
    link.say({ t: "sessions", upsert: [session], removed: [] });
    await expect.poll(async () => (await json(api("/api/v1/agents/shell"))).status).toBe("working");
    expect((await json(api("/api/v1/agents"))).items).toMatchObject([{ status: "working", session: session.id }]);
    await refusal(api("/api/v1/agents/shell/start", { body: {} }), "agent_running");
    await refusal(api("/api/v1/agents/shell", { method: "DELETE" }), "agent_running");
    await json(api("/api/v1/agents/shell/stop", { body: { force: true } }));
    expect(link.asked.find(({ t }) => t === "session.kill")).toMatchObject({ session: session.id, force: true });
    expect((await api("/api/v1/agents/shell", { method: "DELETE" })).status).toBe(204);
  });
});

describe("removing an agent whose host is away", () => {
  test("is refused while its session was last known to live, and goes with its host or once that session ended", async () => {
    const { api, link, host } = await linkedFleet();
    for (const name of ["ended", "living", "never"])
      await json(api("/api/v1/agents", { body: { type: "shell", name, workspace: "/tmp/w" } }));
    await json(api("/api/v1/agents/ended/start", { body: {} }));
    await json(api("/api/v1/agents/living/start", { body: {} }));
    await json(api("/api/v1/agents/ended/stop", { body: {} }));
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api("/api/v1/agents/living"))).status).toBe("unknown");
    expect((await refusal(api("/api/v1/agents/living", { method: "DELETE" }), "agent_running")).hint).toContain("host remove builder");
    for (const name of ["ended", "never"]) expect((await api(`/api/v1/agents/${name}`, { method: "DELETE" })).status).toBe(204);
    expect((await api(`/api/v1/hosts/${host.name}`, { method: "DELETE" })).status).toBe(204);
    expect((await json(api("/api/v1/agents"))).items).toEqual([]);
  });
});

test("stop without force hangs up, and says nothing of force", async () => {
  const { api, link } = await linkedFleet();
  await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
  await json(api("/api/v1/agents/shell/start", { body: {} }));
  await json(api("/api/v1/agents/shell/stop", { body: {} }));
  expect(link.asked.find(({ t }) => t === "session.kill")).not.toHaveProperty("force");
});
