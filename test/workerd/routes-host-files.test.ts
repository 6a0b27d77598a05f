/** Files of a host over HTTP [SSH25]: what its link is asked, what the answer says, and who may ask. */
import { describe, expect, test } from "vitest";
import { FLAG } from "@maestro/shared/protocol/frame";
import { call, json, makeToken, refusal } from "./access-fleet.ts";
import { linkedFleet } from "./support/linked-fleet.ts";

const files = (query: Record<string, string>): string => `/api/v1/hosts/builder/files?${new URLSearchParams(query).toString()}`;

async function fleet() {
  const base = await linkedFleet();
  const { link, api } = base;
  /** The host says `bytes`, and what it says of them. */
  async function answered(query: Record<string, string>, bytes: Uint8Array, more: object = {}) {
    const asking = api(files(query));
    const { id, blob, ...asked } = await link.next("host.files");
    link.data("blob", bytes, { channel: Number(blob), flags: FLAG.last });
    link.say({ t: "reply", id, value: { bytes: bytes.byteLength, path: "/home/dev/x", truncated: false, ...more } });
    return { asked, answer: await json(asking) };
  }
  return { ...base, answered };
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const entry = { name: "x", kind: "link", size: 1, modifiedAt: "2026-01-01T00:00:00.000Z", mode: "0777", target: "y", leads: "nowhere" };

describe("files of a host", () => {
  test("[SSH25] are listed, told of and read in one call each", async () => {
    const { answered, api } = await fleet();
    const listed = await answered({ op: "list", path: "~/" }, text(JSON.stringify([entry])), { truncated: true });
    expect(listed.asked).toMatchObject({ op: "list", path: "~/" });
    expect(listed.answer).toEqual({ op: "list", path: "/home/dev/x", entries: [entry], truncated: true });
    expect((await answered({ op: "stat", path: "/x" }, text(JSON.stringify([entry])))).answer).toEqual({
      op: "stat",
      path: "/home/dev/x",
      entry,
    });
    const read = await answered({ op: "read", path: "/x", offset: "2", limit: "4" }, text("Grü"), { size: 9, truncated: true });
    expect(read.asked).toMatchObject({ op: "read", offset: 2, limit: 4 });
    const audit: { action: string; target: string }[] = (await json(api("/api/v1/audit"))).items;
    expect(audit.filter(({ target }) => target.startsWith("builder: "))).toMatchObject([{ target: "builder: /x" }]);
    expect(read.answer).toMatchObject({ size: 9, offset: 2, bytes: 4, truncated: true, encoding: "utf8", content: "Grü" });
  });

  test("[SSH25] what is no text comes as base64; what only ends within a character is text up to there", async () => {
    const { answered } = await fleet();
    const binary = await answered({ op: "read", path: "/x" }, new Uint8Array([0, 255, 1]));
    expect(binary.answer).toMatchObject({ encoding: "base64", content: btoa("\u0000\u00ff\u0001"), bytes: 3, size: 3 });
    const cut = text("aü").subarray(0, 2);
    expect((await answered({ op: "read", path: "/x" }, cut, { size: 3, truncated: true })).answer).toMatchObject({
      encoding: "utf8",
      content: "a",
      bytes: 1,
    });
    expect((await answered({ op: "read", path: "/x" }, cut, { size: 2 })).answer).toMatchObject({ encoding: "base64" });
  });

  test("a refusal of the host is told, and what is wrong with the question before it is asked", async () => {
    const { link, api } = await fleet();
    link.answers.set("host.files", () => ({ code: "file_not_found", detail: "'/x' does not exist.", field: "path" }));
    expect(await refusal(api(files({ op: "list", path: "/x" })), "file_not_found")).toMatchObject({ status: 404, field: "path" });
    const before = link.asked.length;
    await refusal(api(files({ op: "list", path: "here" })), "path_outside_roots");
    await refusal(api(files({ op: "list", path: "/a\u0000b" })), "nul_byte");
    await refusal(api(files({ op: "write", path: "/x" })), "field_invalid");
    await refusal(api(files({ op: "list" })), "field_missing");
    expect(link.asked).toHaveLength(before);
    link.socket.close(4000, "cut");
    await expect.poll(async () => (await json(api(files({ op: "list", path: "/x" })))).code).toBe("host_unreachable");
  });

  test("a credential that is limited to agents or to other hosts sees none, as it opens no terminal there", async () => {
    const { fleet: owned, link } = await fleet();
    const query = files({ op: "read", path: "/etc/passwd" });
    const asker = async (limits: object) =>
      (await makeToken(owned, { name: `t${Object.keys(limits)[0]}`, role: "operator", ...limits })).token;
    await refusal(call(query, { token: await asker({ agents: "rev-*" }) }), "scope_missing");
    await refusal(call(query, { token: await asker({ hosts: "other" }) }), "scope_missing");
    await refusal(call(query, { token: await asker({ scopes: ["hosts:read", "terminals:read"] }) }), "scope_missing");
    expect(link.asked.some(({ t }) => t === "host.files")).toBe(false);
  });
});
