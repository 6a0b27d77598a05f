/** What is set for an agent beside its type, over HTTP, as its host is told of it [SSH12] [SSH13] [SSH14]. */
import { describe, expect, test } from "vitest";
import { call, joinHost, json, makeToken, refusal } from "./access-fleet.ts";
import { linkedFleet, linkUp } from "./support/linked-fleet.ts";
import { workingFleet } from "./support/working-fleet.ts";

const patch = (body: object) => ({ method: "PATCH", body });

describe("settings of an agent", () => {
  test("[SSH12] a directory, a program and an environment are kept, shown, and travel with the next start", async () => {
    const { link, api } = await linkedFleet();
    await json(api("/api/v1/agents", { body: { type: "claude", workspace: "/tmp/w", cwd: "/srv/app" } }));
    expect(await json(api("/api/v1/agents/claude"))).toMatchObject({ workspace: "/tmp/w", cwd: "/srv/app" });
    const changed = await json(
      api("/api/v1/agents/claude", patch({ bin: "~/bin/claude-next", env: { LOG: "debug" }, role: "writer", priority: 1 })),
    );
    expect(changed).toMatchObject({ cwd: "/srv/app", bin: "~/bin/claude-next", env: { LOG: "debug" }, role: "writer", priority: 1 });
    // Its type's CLI is missing there, and its own may be there.
    await json(api("/api/v1/agents/claude/start", { body: {} }));
    expect(link.asked.find(({ t }) => t === "agent.start")).toMatchObject({
      agent: { workspace: "/srv/app", program: "~/bin/claude-next", env: { LOG: "debug" } },
    });
    await json(api("/api/v1/agents/claude/stop", { body: {} }));
    expect(await json(api("/api/v1/agents/claude", patch({ binName: "claude-nightly" })))).toMatchObject({ binName: "claude-nightly" });
    const cleared = await json(api("/api/v1/agents/claude", patch({ binName: null, cwd: null })));
    for (const field of ["bin", "binName", "cwd"]) expect(cleared).not.toHaveProperty(field);
    expect(cleared).toMatchObject({ env: { LOG: "debug" }, workspace: "/tmp/w" });
    await refusal(api("/api/v1/agents/claude/start", { body: {} }), "agent_cli_missing");
  });

  test("[SSH12] a task to it works with them", async () => {
    const { api, submit, running, link } = await workingFleet();
    await json(api("/api/v1/agents/rev", patch({ cwd: "/srv/app", binName: "zsh", env: { A: "1" } })));
    const { id } = await submit({ prompt: "x", to: ["rev"] });
    await running(id);
    const offer = link.asked.find(({ t }) => t === "task.offer");
    expect(JSON.stringify(offer)).toContain('"workspace":{"mode":"path","path":"/srv/app"}');
    expect(JSON.stringify(offer)).toContain('"program":"zsh"');
    // While it works it stays where it is.
    await refusal(api("/api/v1/agents/rev", patch({ host: "nowhere" })), "host_not_found");
  });

  test.each([
    [{ bin: "/a", binName: "b" }, "conflicting_flags", "binName"],
    [{ bin: "claude" }, "field_invalid", "bin"],
    [{ bin: "/a\nb" }, "field_invalid", "bin"],
    [{ bin: "/a\u0000b" }, "nul_byte", "bin"],
    [{ binName: "../claude" }, "field_invalid", "binName"],
    [{ binName: "-rf" }, "field_invalid", "binName"],
    [{ cwd: "here" }, "field_invalid", "cwd"],
    [{ env: { LD_PRELOAD: "x" } }, "env_denied", "env.LD_PRELOAD"],
    [{ binary: "/a" }, "unknown_field", "binary"],
  ] as const)("%j is refused, and nothing is changed", async (body, code, field) => {
    const { api } = await linkedFleet();
    const made = await json(api("/api/v1/agents", { body: { type: "shell", workspace: "/tmp/w" } }));
    expect(await refusal(api("/api/v1/agents/shell", patch(body)), code)).toMatchObject({ field });
    expect(await json(api("/api/v1/agents/shell"))).toEqual(made);
  });

  test("a credential that is limited to other hosts changes nothing of it", async () => {
    const { fleet, api } = await linkedFleet();
    const made = await json(api("/api/v1/agents", { body: { type: "claude", workspace: "/tmp/w" } }));
    const { token } = await makeToken(fleet, { name: "narrow", role: "operator", hosts: "other-*" });
    const change = { bin: "/tmp/evil", cwd: "/tmp/evil", env: { A: "1" } };
    await refusal(call("/api/v1/agents/claude", { token, method: "PATCH", body: change }), "scope_missing");
    expect(await json(api("/api/v1/agents/claude"))).toEqual(made);
  });

  test("[SKILL9] one that works in a directory that was set for it is not reset: what it was assigned to may be of another host", async () => {
    const { api, link } = await linkedFleet();
    link.answers.set("workspace.reset", () => ({ path: "/tmp/w", removed: 1 }));
    await json(api("/api/v1/agents", { body: { type: "claude", workspace: "/tmp/w", cwd: "/srv/app" } }));
    const refused = await refusal(api("/api/v1/agents/claude/reset", { body: {} }), "workspace_error");
    expect(refused).toMatchObject({ field: "cwd", hint: expect.stringContaining("maestro agent set claude --cwd ''") });
    expect(link.asked.some(({ t }) => t === "workspace.reset")).toBe(false);
    await json(api("/api/v1/agents/claude", patch({ cwd: null })));
    expect((await api("/api/v1/agents/claude/reset", { body: {} })).status).toBe(200);
  });

  test("[SSH13] it moves only to a host that is there, at rest, and its directory is made there first", async () => {
    const { fleet, link, api, submit, running, ended } = await workingFleet();
    const { hint } = await refusal(api("/api/v1/agents/rev", patch({ host: "bilder" })), "host_not_found");
    expect(hint).toContain("builder");
    const away = await joinHost(fleet, "second");
    // It has not connected: nothing could be made there.
    await refusal(api("/api/v1/agents/rev", patch({ host: "second" })), "host_unreachable");
    const second = await linkUp(away);
    second.answers.set("workspace.ensure", () => ({ path: "/home/there/rev", created: true }));
    const { id } = await submit({ prompt: "x", to: ["rev"] });
    const attempt = await running(id);
    await refusal(api("/api/v1/agents/rev", patch({ host: "second" })), "agent_running");
    ended(attempt);
    await expect.poll(async () => (await json(api(`/api/v1/tasks/${id}`))).status).toBe("completed");
    await json(api("/api/v1/agents/rev/start", { body: {} }));
    await refusal(api("/api/v1/agents/rev", patch({ host: "second" })), "agent_running");
    await json(api("/api/v1/agents/rev/stop", { body: {} }));
    const moved = await json(api("/api/v1/agents/rev", patch({ host: "second" })));
    expect(moved).toMatchObject({ host: { name: "second" }, workspace: "/home/there/rev", status: "idle" });
    const before = link.asked.length;
    await json(api("/api/v1/agents/rev/start", { body: {} }));
    expect(second.asked.map(({ t }) => t)).toContain("agent.start");
    expect(link.asked.slice(before).map(({ t }) => t)).not.toContain("agent.start");
    second.answers.set("workspace.ensure", () => ({ code: "workspace_error", detail: "no", field: "path" }));
    link.answers.set("workspace.ensure", () => ({ code: "path_outside_roots", detail: "'/home' is outside.", field: "path" }));
    await json(api("/api/v1/agents/rev/stop", { body: {} }));
    await refusal(api("/api/v1/agents/rev", patch({ host: "builder" })), "path_outside_roots");
    expect(await json(api("/api/v1/agents/rev"))).toMatchObject({ host: { name: "second" } });
  });

  test("[SSH13] one that is started while it is about to move stays where it is", async () => {
    const { fleet, api } = await workingFleet();
    const second = await linkUp(await joinHost(fleet, "second"));
    second.answers.delete("workspace.ensure");
    const moving = api("/api/v1/agents/rev", patch({ host: "second" }));
    const { id } = await second.next("workspace.ensure");
    const session = await json(api("/api/v1/agents/rev/start", { body: {} }));
    second.say({ t: "reply", id, value: { path: "/tmp/rev", created: true } });
    await refusal(moving, "agent_running");
    expect(await json(api("/api/v1/agents/rev"))).toMatchObject({ host: { name: "builder" }, session: session.id, status: "working" });
  });
});
