import { checkRemote } from "@maestro/shared/contract/check-remote";
import type { Host } from "@maestro/shared/contract/resources";
import { describe, expect, it } from "vitest";
import { sampleHost } from "../fleet/testing/samples.ts";
import { emptyRemote, patchOf, reachedBy, remoteBodyOf, remoteDraftOf } from "./draft.ts";

const linked = sampleHost("laptop");
const saved = (over: Partial<Host> = {}): Host =>
  sampleHost("gpu", {
    transport: "ssh",
    via: { id: "hst_laptop", name: "laptop" },
    address: "10.0.0.5",
    sshConfig: false,
    options: {},
    env: {},
    container: "none",
    enabled: true,
    ...over,
  });

describe("a remote host being written", () => {
  it("is reached from the only linked host, unless there are several", () => {
    expect(emptyRemote([linked]).via).toBe("hst_laptop");
    expect(emptyRemote([linked, sampleHost("desktop")]).via).toBe("");
    expect(emptyRemote([]).via).toBe("");
  });

  it("becomes a request that says only what was given, without the blanks around it", () => {
    expect(remoteBodyOf({ ...emptyRemote([linked]), address: " dev@box " })).toEqual({ address: "dev@box" });
    expect(
      remoteBodyOf({
        ...emptyRemote([linked]),
        address: "box",
        user: " dev ",
        port: " 2222",
        identity: "~/.ssh/k ",
        cwd: " ~/work",
        sshConfig: true,
        transport: "tailscale",
        container: { kind: "named", name: " dev-box " },
        options: [{ id: 0, name: "ConnectTimeout ", value: "30" }],
        env: [{ id: 0, name: "A", value: " b " }],
      }),
    ).toEqual({
      address: "box",
      user: "dev",
      port: "2222",
      identity: "~/.ssh/k",
      cwd: "~/work",
      sshConfig: true,
      transport: "tailscale",
      container: "dev-box",
      options: { ConnectTimeout: "30" },
      env: { A: " b " },
    });
    const draft = emptyRemote([linked]);
    expect(remoteBodyOf({ ...draft, address: "b", container: { kind: "auto", name: "left over" } })).toEqual({
      address: "b",
      container: "auto",
    });
  });

  it("of a saved one is what was saved, and saving it as it is changes nothing", () => {
    const whole = saved({
      user: "dev",
      port: 2222,
      identity: "~/.ssh/k",
      cwd: "~/w",
      sshConfig: true,
      container: "dev-box",
      options: { ConnectTimeout: "30" },
      env: { A: "b" },
    });
    for (const host of [
      saved(),
      whole,
      saved({ address: "100.64.0.7", transport: "tailscale" }),
      saved({ container: "auto", enabled: false }),
    ]) {
      expect(patchOf(host, remoteDraftOf(host))).toEqual({});
      const { id: _, name: _name, status: _status, ...fields } = host;
      const record = checkRemote(remoteBodyOf(remoteDraftOf(host)));
      expect(record.ok && fields).toMatchObject(record.ok ? record.value : {});
    }
  });

  it("keeps a transport that somebody chose, and leaves one to the address that nobody did", () => {
    expect(remoteDraftOf(saved({ address: "box", transport: "tailscale" })).transport).toBe("tailscale");
    expect(remoteDraftOf(saved({ address: "box.tail1234.ts.net", transport: "ssh" })).transport).toBe("ssh");
    expect(remoteDraftOf(saved({ address: "box.tail1234.ts.net", transport: "tailscale" })).transport).toBe("auto");
  });

  it("sends of a change what is other than before, and null for what was taken away", () => {
    const host = saved({ user: "dev", port: 2222, cwd: "~/w", sshConfig: true, env: { A: "1" }, container: "dev-box" });
    const draft = remoteDraftOf(host);
    expect(patchOf(host, { ...draft, name: "gpu-2", address: "10.0.0.6", enabled: false, via: "hst_desktop" })).toEqual({
      name: "gpu-2",
      address: "10.0.0.6",
      enabled: false,
      via: "hst_desktop",
    });
    expect(
      patchOf(host, { ...draft, user: "", port: "22", cwd: " ", sshConfig: false, env: [], container: { kind: "none", name: "" } }),
    ).toEqual({ user: null, port: "22", cwd: null, sshConfig: null, env: null, container: null });
  });

  it("is the same for a test whatever it is called", () => {
    const draft = remoteDraftOf(saved());
    expect(reachedBy({ ...draft, name: "other", enabled: false })).toBe(reachedBy(draft));
    expect(reachedBy({ ...draft, via: "hst_desktop" })).not.toBe(reachedBy(draft));
    expect(reachedBy({ ...draft, port: "23" })).not.toBe(reachedBy(draft));
  });
});
