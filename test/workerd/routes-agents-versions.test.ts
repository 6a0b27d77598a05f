/** [VR2] Agents on hosts of an earlier version: one that would not be started as it is set is not started. */
import { expect, test } from "vitest";
import { json, refusal } from "./access-fleet.ts";
import { linkedFleet, linkUp } from "./support/linked-fleet.ts";

test("an agent whose own program or container its host would leave out is not started there, before the host is upgraded", async () => {
  const { api, host, link } = await linkedFleet();
  const box = { argv: ["sh"], isolate_with: "docker", image: "debian:13" };
  await json(api("/api/v1/agent-types", { body: { slug: "boxed", ...box } }));
  for (const type of ["shell", "boxed"]) await json(api("/api/v1/agents", { body: { type, workspace: "/tmp/w" } }));
  await json(api("/api/v1/agents", { body: { name: "own", type: "shell", workspace: "/tmp/w", bin: "~/bin/sh" } }));
  const start = (name: string) => api(`/api/v1/agents/${name}/start`, { body: {} });

  link.close();
  // As one of before these capabilities says it.
  const old = await linkUp(host, [], { capabilities: ["git", "tasks:9"] });
  for (const [name, need] of [
    ["own", "program"],
    ["boxed", "isolation"],
  ] as const) {
    const refused = await refusal(start(name), "upgrade_required");
    expect(refused).toMatchObject({
      detail: `The host-agent of 'builder' is of a version that does not know '${need}'.`,
      hint: expect.stringContaining("Upgrade it there"),
    });
    expect(refused).not.toHaveProperty("field");
    // Nothing is awaited of it either.
    expect(await json(api(`/api/v1/agents/${name}`))).toMatchObject({ status: "idle" });
  }
  expect(old.asked.filter(({ t }) => t === "agent.start")).toEqual([]);
  await json(start("shell"));

  old.close();
  const next = await linkUp(host);
  for (const name of ["own", "boxed"]) await json(start(name));
  expect(next.asked.flatMap(({ t, agent }) => (t === "agent.start" ? [(agent as { name: string }).name] : []))).toEqual(["own", "boxed"]);
});
