/** Who carries a remote host, what a change makes of its record, and what stays of a check. */
import { expect, test } from "vitest";
import type { CheckStep, HostCheck, RemotePatch, RemoteRecord } from "@maestro/shared/contract/remote-hosts";
import { asCarrier, changedBody, checkNote, hostBusy, onlyCarrier, refuseRemoteFields, wayChange } from "./remote-host.ts";

const record: RemoteRecord = {
  transport: "ssh",
  address: "old",
  user: "dev",
  port: 2222,
  sshConfig: false,
  options: { ConnectTimeout: "20" },
  env: {},
  container: "auto",
};

test.each<[string, RemotePatch, object]>([
  ["nothing", {}, { address: "old", user: "dev", port: 2222, container: "auto" }],
  ["another user", { user: "root" }, { user: "root", port: 2222 }],
  ["no port", { port: null }, { user: "dev", port: undefined }],
  ["no options", { options: null }, { options: undefined }],
  ["an address", { address: "new" }, { address: "new", user: "dev", port: 2222 }],
  ["an address with a user", { address: "root@new" }, { user: undefined, port: 2222 }],
  ["an address with a port", { address: "new:22" }, { user: "dev", port: undefined }],
  ["a URL", { address: "ssh://root@new:22/" }, { user: undefined, port: undefined }],
  ["an IPv6 address", { address: "2001:db8::22" }, { user: "dev", port: 2222 }],
  ["one in brackets", { address: "[2001:db8::5]" }, { port: 2222 }],
  ["one with a port", { address: "[2001:db8::5]:22" }, { port: undefined }],
  ["an address in a tailnet", { address: "100.64.0.9" }, { transport: undefined }],
  ["one, with a transport that was chosen", { address: "100.64.0.9", transport: "ssh" }, { transport: "ssh" }],
  ["the transport, back to what the address says", { transport: null }, { transport: undefined }],
  ["a user beside such an address, which is for the check to refuse", { address: "root@new", user: "dev" }, { user: "dev" }],
])("of a record %s is changed, and the rest stays", (_what, patch, expected) => {
  const body = changedBody(record, patch);
  for (const [key, value] of Object.entries(expected)) expect(Reflect.get(body, key), key).toEqual(value);
});

test("a transport that was chosen against the address stays with the next one", () => {
  expect(changedBody({ ...record, transport: "tailscale" }, { address: "new" }).transport).toBe("tailscale");
  expect(changedBody({ ...record, address: "box.tail1.ts.net" }, { address: "other.tail1.ts.net" }).transport).toBe("ssh");
});

test("the only linked host carries; remote ones never do", () => {
  const builder = { name: "builder", transport: "link" };
  const gpu = { name: "gpu", transport: "ssh" };
  expect(onlyCarrier([gpu, builder])).toEqual({ ok: true, value: builder });
  expect(onlyCarrier([gpu])).toMatchObject({ error: { code: "host_not_found", field: "via" } });
  const many = Array.from({ length: 12 }, (_, i) => ({ name: `h${i}`, transport: "link" }));
  expect(onlyCarrier(many)).toMatchObject({
    error: { code: "ambiguous", detail: expect.stringMatching(/h9, …\.$/), hint: "Say which one: --via h0" },
  });
  expect(asCarrier(builder).ok).toBe(true);
  expect(asCarrier(gpu)).toMatchObject({ error: { code: "field_invalid", field: "via", hint: expect.stringContaining("ProxyJump") } });
});

test("a linked host has no record to change", () => {
  expect(refuseRemoteFields({ name: "x", labels: {}, default: true }, "builder")).toBeUndefined();
  expect(refuseRemoteFields({ cwd: null }, "builder")).toMatchObject({ code: "field_invalid", field: "cwd" });
});

test("of a check stays whether it went well, and what failed first", () => {
  const step = (state: CheckStep["state"], detail: string): CheckStep => ({ name: "tcp", state, detail, ms: 1 });
  const of = (ok: boolean, ...steps: CheckStep[]): HostCheck => ({ ok, steps, agents: [] });
  expect(checkNote(of(true, step("warning", "slow")), 5)).toEqual({ ok: true, atMs: 5 });
  expect(checkNote(of(false, step("ok", "a"), step("failed", "b"), step("failed", "c")), 5)).toEqual({ ok: false, atMs: 5, error: "b" });
});

test.each<[string, Parameters<typeof wayChange>[1], ReturnType<typeof wayChange>]>([
  ["nothing", {}, "stays"],
  ["the same carrier", { via: "hst_a", enabled: true }, "stays"],
  ["where work begins", { record: { ...record, cwd: "/srv", env: { A: "1" }, identity: "~/.ssh/k" } }, "stays"],
  ["how long is waited", { record: { ...record, options: { ConnectTimeout: "60" } } }, "stays"],
  ["the machine itself, said otherwise", { record: { ...record, container: "none" } }, "stays"],
  ["a container", { record: { ...record, container: "box" } }, "moves"],
  ["an address", { record: { ...record, address: "new" } }, "moves"],
  ["a user", { record: { ...record, user: "root" } }, "moves"],
  ["a jump", { record: { ...record, options: { proxyjump: "b" } } }, "moves"],
  ["another carrier", { via: "hst_b", record: { ...record, address: "new" } }, "leaves"],
  ["none", { enabled: false }, "leaves"],
])("%s: what becomes of work there", (_what, change, expected) => {
  expect(wayChange({ via: "hst_a", record, enabled: true }, change)).toBe(expected);
});

test("the port that ssh takes by itself is no other one, unless ssh_config may say so", () => {
  const plain = { ...record, port: undefined };
  const host = { via: "hst_a", enabled: true };
  expect(wayChange({ ...host, record: plain }, { record: { ...plain, port: 22 } })).toBe("stays");
  const configured = { ...plain, sshConfig: true };
  expect(wayChange({ ...host, record: configured }, { record: { ...configured, port: 22 } })).toBe("moves");
});

test("of much that runs some is named", () => {
  const first = [
    { task: "t1", attempt: "att_1" },
    { task: "t2", attempt: "att_2" },
  ];
  expect(hostBusy("gpu", { count: 12, first })).toMatchObject({
    code: "host_busy",
    detail: "On host 'gpu' 12 tasks run: t1, t2, ….",
    extra: { tasks: ["t1", "t2"], attempts: ["att_1", "att_2"] },
  });
});
