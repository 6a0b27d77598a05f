/** Sessions over HTTP, with the host on its link or away. */
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { FLAG } from "@maestro/shared/protocol/frame";
import { app } from "../../control-plane/src/app.ts";
import { bootstrap, call, freshAddress, joinHost, json, ORIGIN, refusal } from "./access-fleet.ts";
import { sessionInfo } from "./support/host-words.ts";
import { linkedFleet, linkUp } from "./support/linked-fleet.ts";

/** Relays, with a list of those that were asked for. */
const listed = (relays: typeof env.HOST_RELAY, asked: string[]): typeof env.HOST_RELAY =>
  new Proxy(relays, {
    get: (namespace, property) =>
      property === "getByName"
        ? (name: string) => {
            asked.push(name);
            return namespace.getByName(name);
          }
        : Reflect.get(namespace, property),
  });

describe("sessions", () => {
  test("one is opened, found by name, typed into, read and ended", async () => {
    const { link, api } = await linkedFleet();
    const made = await json(api("/api/v1/sessions", { body: { argv: ["/usr/bin/htop"], cwd: "/tmp" } }));
    expect(made).toMatchObject({ name: "htop", status: "running", host: { name: "builder", status: "online" } });
    expect(await json(api("/api/v1/sessions/htop"))).toMatchObject({ id: made.id });
    expect((await json(api("/api/v1/sessions?host=builder"))).items).toHaveLength(1);
    expect(await json(api("/api/v1/sessions/htop/input", { body: { text: "é\r" } }))).toEqual({ accepted: 3 });
    const reading = api("/api/v1/sessions/htop/screen");
    const { id, blob } = await link.next("session.screen");
    link.data("blob", new TextEncoder().encode("top"), { channel: Number(blob), flags: FLAG.last });
    link.say({ t: "reply", id, value: { bytes: 3, epoch: 1, offset: 0, cols: 80, rows: 24 } });
    expect(await (await reading).text()).toBe("top");
    expect((await api("/api/v1/sessions/htop", { method: "DELETE" })).status).toBe(204);
    expect(await json(api("/api/v1/sessions/htop"))).toMatchObject({ status: "ended", end: { reason: "killed" } });
    await refusal(api("/api/v1/sessions/htop/input", { body: { text: "x" } }), "session_ended");
  });

  test.each([
    ["row 26: a relative directory", { cwd: "work" }, "path_outside_roots"],
    ["row 27: LD_PRELOAD", { env: { LD_PRELOAD: "x" } }, "env_denied"],
    ["row 27: NODE_OPTIONS", { env: { NODE_OPTIONS: "x" } }, "env_denied"],
    ["row 27: A=B", { env: { "A=B": "x" } }, "env_name_invalid"],
    ["row 24: NUL in an argument", { argv: ["a\0b"] }, "nul_byte"],
    ["a name tmux would take for something else", { name: "-x" }, "field_invalid"],
  ] as const)("%s is refused before the host hears of it", async (_row, body, code) => {
    const { link, api } = await linkedFleet();
    await refusal(api("/api/v1/sessions", { body }), code);
    expect(link.asked.some(({ t }) => t === "session.create")).toBe(false);
  });

  test("a name two sessions share is ambiguous and lists them; an unknown one suggests", async () => {
    const fleet = await bootstrap();
    const twins = [sessionInfo({ name: "twin" }), sessionInfo({ name: "twin" })];
    await linkUp(await joinHost(fleet, "builder"), twins);
    const { token } = fleet.owner;
    await expect.poll(async () => (await json(call("/api/v1/sessions", { token }))).items.length).toBe(2);
    const problem = await refusal(call("/api/v1/sessions/twin", { token }), "ambiguous");
    for (const { id } of twins) expect(problem.detail).toContain(id);
    expect((await refusal(call("/api/v1/sessions/twinn", { token }), "session_not_found")).hint).toContain("twin");
  });

  test("[VR5] with the host away what needs it says so, and lists go on", async () => {
    const { link, api } = await linkedFleet();
    await json(api("/api/v1/sessions", { body: { name: "work" } }));
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api("/api/v1/sessions/work"))).status).toBe("unreachable");
    const problem = await refusal(api("/api/v1/sessions/work/input", { body: { text: "x" } }), "host_unreachable");
    expect(problem.detail).toContain("Last seen");
    await refusal(api("/api/v1/sessions", { body: {} }), "host_unreachable");
  });
});

describe("a list", () => {
  test("[LK4] asks the hosts of the sessions it shows, and no others, whether they are there", async () => {
    const fleet = await bootstrap();
    const hosts = [await joinHost(fleet, "one"), await joinHost(fleet, "two")];
    // Ids are in the order of time, so the first page is the first host's.
    const sessions = [sessionInfo({ name: "first" }), sessionInfo({ name: "second" })].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    for (const [i, host] of hosts.entries()) await (await linkUp(host, sessions.slice(i, i + 1))).pingPong();
    const asked: string[] = [];
    const list = async (query: string): Promise<{ host: { name: string } }[]> => {
      const request = new Request(`${ORIGIN}/api/v1/sessions?${query}`, {
        headers: { authorization: `Bearer ${fleet.owner.token}`, "cf-connecting-ip": freshAddress() },
      });
      const context = createExecutionContext();
      const read = await json(app.fetch(request, { ...env, HOST_RELAY: listed(env.HOST_RELAY, asked) }, context));
      await waitOnExecutionContext(context);
      return read.items;
    };
    await expect.poll(async () => (await list("")).length).toBe(2);
    expect(new Set(asked)).toEqual(new Set(hosts.map(({ id }) => `${fleet.id}/${id}`)));
    asked.length = 0;
    expect(await list("limit=1")).toMatchObject([{ host: { name: "one" } }]);
    expect(asked).toEqual([`${fleet.id}/${hosts[0]?.id}`]);
  });
});

describe("a host whose link went with the process that held it", () => {
  test.each(["sessions", "sessions/work", "agents", "agents/shell", "hosts", "hosts/builder"])(
    "[LK4] is not taken for connected by whoever reads %s first",
    async (path) => {
      const { fleet, host, api } = await linkedFleet();
      await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
      await json(api("/api/v1/agents/shell/start", { body: {} }));
      await json(api("/api/v1/sessions", { body: { name: "work" } }));
      const relay = env.HOST_RELAY.getByName(`${fleet.id}/${host.id}`);
      await expect(runInDurableObject(relay, (_object, state) => state.abort("killed"))).rejects.toThrow("killed");
      const read = await json(api(`/api/v1/${path}`));
      const shown: string[] = (read.items ?? [read]).map(({ status }: { status: string }) => status);
      expect(new Set(shown)).toEqual(new Set([{ s: "unreachable", a: "unknown", h: "stale" }[path.charAt(0)]]));
      if (path.startsWith("sessions")) expect((read.items ?? [read])[0].host.status).toBe("stale");
      expect((await json(api("/api/v1/sessions"))).items[0].host.status).toBe("stale");
    },
  );
});
