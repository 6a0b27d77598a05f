/** What is taken of a hosts file of remote dispatch, and of ssh_config. */
import { expect, test } from "vitest";
import { dispatchHosts, sshConfigCandidate } from "./import-candidates.ts";

const of = (hosts: object) => {
  const read = dispatchHosts("f", JSON.stringify({ hosts }));
  if (!read.ok) throw new Error(read.error.detail);
  return read.value;
};

test("[DISP2] a hosts file gives address, transport, user and container; `auto` ran directly there, and does here", () => {
  expect(
    of({
      GPU_Box: { address: "ssh://dev@10.0.0.5:2222", transport: "ssh", container: "auto", user: "", added: "2026-01-01T00:00:00Z" },
      "b.example.com": { address: "100.64.1.1", transport: "tailscale", container: "dev", user: "me" },
      bare: { address: "h" },
      broken: { address: 5 },
    }),
  ).toEqual([
    { given: "GPU_Box", name: "gpu_box", body: { address: "ssh://dev@10.0.0.5:2222", transport: "ssh" } },
    {
      given: "b.example.com",
      name: "b-example-com",
      body: { address: "100.64.1.1", transport: "tailscale", user: "me", container: "dev" },
    },
    { given: "bare", name: "bare", body: { address: "h" } },
    { given: "broken", name: "broken", body: { address: "" }, skip: "its address is no text" },
  ]);
});

test.each(["", "[]", '{"hosts":[]}', "{"])("a file of %j is refused, and shown how one looks", (text) => {
  expect(dispatchHosts("/x.json", text)).toMatchObject({
    error: {
      code: "json_invalid",
      field: "hosts-file",
      detail: expect.stringContaining("/x.json"),
      hint: expect.stringContaining("address"),
    },
  });
});

test("[SSH8] a Host is taken by its name where its file is read, else by what it says", () => {
  const entry = { host: "Dev.Box", hostName: "10.0.0.5", user: "me", port: 2222 };
  expect(sshConfigCandidate(entry, true)).toEqual({ given: "Dev.Box", name: "dev-box", body: { address: "Dev.Box", sshConfig: true } });
  expect(sshConfigCandidate(entry, false)).toEqual({
    given: "Dev.Box",
    name: "dev-box",
    body: { address: "10.0.0.5", user: "me", port: 2222 },
  });
  expect(sshConfigCandidate({ ...entry, identityFile: "~/.ssh/k" }, false).note).toContain("~/.ssh/k");
  expect(sshConfigCandidate({ ...entry, proxyJump: "bastion" }, false).skip).toContain("bastion");
});
