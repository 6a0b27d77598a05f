/** What is read from `tailscale status --json`. */
import { describe, expect, test } from "vitest";
import { ERRORS } from "@maestro/shared/errors";
import { findPeer, parseStatus, type Status } from "./status.ts";

const box = { HostName: "Box", DNSName: "box.tailnet.ts.net.", TailscaleIPs: ["100.64.0.7", "fd7a:115c:a1e0::7"], Online: true };
const away = {
  HostName: "away",
  DNSName: "away.tailnet.ts.net.",
  TailscaleIPs: ["100.64.0.8"],
  Online: false,
  LastSeen: "2026-01-02T03:04:05Z",
};
const never = { HostName: "never", DNSName: "never.tailnet.ts.net.", TailscaleIPs: null, Online: false, LastSeen: "0001-01-01T00:00:00Z" };
const twin = (label: string) => ({ HostName: "localhost", DNSName: `${label}.tailnet.ts.net.`, TailscaleIPs: [], Online: true });
const self = { HostName: "me", DNSName: "me.tailnet.ts.net.", TailscaleIPs: ["100.64.0.1"], Online: true };

const status = (over: object = {}): Status => {
  const peers = { a: box, b: away, c: never, d: twin("one"), e: twin("two") };
  const parsed = parseStatus(JSON.stringify({ Version: "1.80.0", BackendState: "Running", Self: self, Peer: peers, ...over }));
  if (parsed === undefined) throw new Error("not read");
  return parsed;
};
const found = (...names: string[]) => findPeer(status(), names);
const refused = (over: object, name = "box.tailnet.ts.net") => {
  const peer = findPeer(status(over), [name]);
  return peer.ok ? undefined : peer.error;
};

describe("a machine is found", () => {
  test.each(["box.tailnet.ts.net", "BOX.tailnet.TS.net.", "box", "100.64.0.7", "FD7A:115C:A1E0::7"])("by %s", (name) => {
    expect(found(name)).toEqual({ ok: true, value: { asked: name, addresses: box.TailscaleIPs, state: "online" } });
  });

  test("by a host name that one machine alone has, and by none that two have", () => {
    expect(found("localhost")).toMatchObject({ ok: false, error: { code: "tailscale_peer_unknown" } });
    expect(found("two")).toMatchObject({ ok: true });
  });

  test("by what its name stands for in ssh_config", () => {
    expect(found("alias", "100.64.0.7")).toMatchObject({ ok: true, value: { asked: "100.64.0.7" } });
  });

  test("where it is this machine itself", () => {
    expect(found("me")).toMatchObject({ ok: true, value: { state: "online" } });
  });
});

describe("what is wrong is told, with what to do", () => {
  test.each([
    ["Stopped", "tailscale_not_running", "tailscale up"],
    ["NoState", "tailscale_not_running", "tailscale status"],
    ["Starting", "tailscale_not_running", "tailscale up"],
    ["NeedsLogin", "tailscale_login_needed", "tailscale up"],
    ["NeedsMachineAuth", "tailscale_login_needed", "approves"],
    ["\u001b[31mnew", "tailscale_not_running", "tailscale up"],
  ])("in the state %j", (state, code, hint) => {
    const error = refused({ BackendState: state });
    expect(error).toMatchObject({ code, field: "via", hint: expect.stringContaining(hint) });
    expect(error?.detail).not.toContain("\u001b");
  });

  test("of a machine that is not there", () => {
    const expected = { code: "tailscale_peer_unknown", field: "address", hint: expect.stringContaining("tailscale status") };
    expect(refused({}, "elsewhere.tailnet.ts.net")).toMatchObject(expected);
    expect(refused({ Peer: null }, "box")).toMatchObject(expected);
  });

  test("of one that is offline: since when, where that is known, and it may come back", () => {
    const error = refused({}, "away");
    expect(error).toMatchObject({
      code: "tailscale_peer_offline",
      detail: "away is offline, last seen 2026-01-02T03:04:05.000Z.",
      hint: expect.stringContaining("tailscale ping away"),
    });
    expect(ERRORS.tailscale_peer_offline.retryable).toBe(true);
    expect(refused({}, "never")?.detail).toBe("never is offline.");
  });

  test("nobody is called offline by a machine that hears nothing of its tailnet", () => {
    expect(findPeer(status({ Self: { ...self, Online: false } }), ["away"])).toMatchObject({ ok: true, value: { state: "untold" } });
  });
});

test("what is no status is none", () => {
  for (const text of [
    "",
    "failed to connect to local tailscaled",
    "{}",
    "[]",
    "null",
    '{"BackendState":7}',
    '{"BackendState":"Running","Peer":{"a":7}}',
  ])
    expect(parseStatus(text)).toBeUndefined();
  expect(parseStatus('{"BackendState":"Running"}')).toBeDefined();
});
