/** What the ssh_config of a linked host names, over HTTP [SSH8]: what its link is asked, and who may ask. */
import { describe, expect, test } from "vitest";
import { call, json, makeToken, refusal } from "./access-fleet.ts";
import { linkedFleet } from "./support/linked-fleet.ts";

const ASKED = "/api/v1/hosts/builder/ssh-config";
const TOLD = {
  path: "/home/dev/.ssh/config",
  exists: true,
  truncated: false,
  entries: [
    { host: "gpu", hostName: "10.0.0.5", user: "dev", port: 2222, identityFile: "/home/dev/.ssh/gpu", proxyJump: "bastion" },
    { host: "dev@box", problem: "Its name would be read as an address with a user or a port." },
  ],
};

const timesAsked = (frames: readonly { t: string }[]): number => frames.filter(({ t }) => t === "host.ssh-config").length;

async function fleet() {
  const base = await linkedFleet();
  base.link.answers.set("host.ssh-config", () => TOLD);
  return base;
}

describe("the ssh_config of a linked host", () => {
  test("[SSH8] is told as the host tells it, and that it was is in the audit log", async () => {
    const { link, api } = await fleet();
    expect(await json(api(ASKED))).toEqual(TOLD);
    expect(link.asked.at(-1)).toMatchObject({ t: "host.ssh-config" });
    const audit: { action: string; target: string }[] = (await json(api("/api/v1/audit"))).items;
    expect(audit).toContainEqual(expect.objectContaining({ action: "hostSshConfig", target: "builder" }));
  });

  test("[SSH8] is for whoever may add a remote host over it, and for nobody else", async () => {
    const { fleet: owned, link } = await fleet();
    const asker = async (name: string, limits: object) => (await makeToken(owned, { name, ...limits })).token;
    expect((await call(ASKED, { token: await asker("adder", { role: "owner", scopes: ["hosts:write"] }) })).status).toBe(200);
    const before = timesAsked(link.asked);
    for (const [name, limits] of Object.entries({
      operator: { role: "operator" },
      reader: { role: "owner", scopes: ["hosts:read"] },
      elsewhere: { role: "owner", hosts: "other" },
      agents: { role: "owner", agents: "rev-*" },
    }))
      await refusal(call(ASKED, { token: await asker(name, limits) }), name === "operator" ? "role_insufficient" : "scope_missing");
    expect(timesAsked(link.asked)).toBe(before);
  });

  test("a host of a version before, one that refuses, one that answers nonsense and one that is away are told apart", async () => {
    const { link, api } = await fleet();
    link.answers.set("host.ssh-config", () => ({ code: "type_unknown", detail: "This host does not know the request." }));
    expect(await refusal(api(ASKED), "upgrade_required")).toMatchObject({
      detail: "The host-agent of 'builder' is of a version that does not tell what its ssh_config names.",
      hint: expect.stringContaining("Upgrade"),
    });
    link.answers.set("host.ssh-config", () => ({ code: "policy_denied", detail: "No.", hint: "Ask." }));
    expect(await refusal(api(ASKED), "policy_denied")).toMatchObject({ status: 403, detail: "No.", hint: "Ask." });
    link.answers.set("host.ssh-config", () => ({ ...TOLD, entries: [{ host: "x", port: 0 }] }));
    await refusal(api(ASKED), "frame_invalid");
    link.close();
    await link.closed;
    await expect.poll(async () => (await json(api(ASKED))).code).toBe("host_unreachable");
  });

  test("a remote host has none of its own to choose from", async () => {
    const { link, api } = await fleet();
    await json(api("/api/v1/hosts", { body: { name: "gpu", address: "10.0.0.5" } }));
    const before = timesAsked(link.asked);
    expect(await refusal(api("/api/v1/hosts/gpu/ssh-config"), "field_invalid")).toMatchObject({ detail: expect.stringContaining("'gpu'") });
    await refusal(api("/api/v1/hosts/nowhere/ssh-config"), "host_not_found");
    expect(timesAsked(link.asked)).toBe(before);
  });
});
