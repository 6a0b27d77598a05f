import { CHECKS, type CheckStep, type HostCheck } from "@maestro/shared/contract/remote-hosts";
import type { Host } from "@maestro/shared/contract/resources";
import { describe, expect, it } from "vitest";
import { AT, sampleHost } from "../fleet/testing/samples.ts";
import { awayOf, checkSummary, hostWord, placeWords, publicKeyFile, reachWords, spentWord, stepName } from "./words.ts";

const laptop = sampleHost("laptop");
const remote = (over: Partial<Host> = {}): Host =>
  sampleHost("gpu", {
    transport: "ssh",
    via: { id: "hst_laptop", name: "laptop" },
    address: "10.0.0.5",
    enabled: true,
    status: "lost",
    ...over,
  });
const check = (states: Partial<Record<CheckStep["name"], CheckStep["state"]>>, over: Partial<HostCheck> = {}): HostCheck => ({
  ok: !Object.values(states).includes("failed"),
  steps: CHECKS.map((name) => ({ name, state: states[name] ?? "ok", detail: "d", ms: 1 })),
  agents: [],
  ...over,
});

describe("words about remote hosts", () => {
  it("tell what came of a test", () => {
    expect(checkSummary(check({}, { agents: [{ adapter: "claude", binary: "/b" }] }))).toEqual({
      tone: "ok",
      text: "Ready for work, with claude.",
    });
    expect(checkSummary(check({ tmux: "warning" }))).toEqual({ tone: "warn", text: "Ready for work; one thing to know." });
    expect(checkSummary(check({ tmux: "warning", clock: "warning" })).text).toContain("2 things");
    expect(checkSummary(check({ authentication: "failed", shell: "skipped" }))).toEqual({
      tone: "danger",
      text: "Authentication failed: work cannot be started there.",
    });
  });

  it("do not call a key that nobody knows yet a failure, and one that changed they do", () => {
    const hostKey = { type: "ssh-ed25519", sha256: "SHA256:x", state: "unknown" } as const;
    expect(checkSummary(check({ "host-key": "failed" }, { hostKey })).tone).toBe("warn");
    expect(checkSummary(check({ "host-key": "failed" }, { hostKey: { ...hostKey, state: "changed" } })).tone).toBe("danger");
  });

  it("name every step, and what it took", () => {
    expect(new Set(CHECKS.map(stepName)).size).toBe(13);
    expect([0, 0.4, 1, 34.4, 999, 1_234].map(spentWord)).toEqual(["", "", "1 ms", "34 ms", "999 ms", "1.2 s"]);
  });

  it("say where a machine keeps the key it showed", () => {
    expect(["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "rsa-sha2-512", "ssh-dss"].map(publicKeyFile)).toEqual(
      ["ed25519", "ecdsa", "rsa", "rsa", "dsa"].map((kind) => `/etc/ssh/ssh_host_${kind}_key.pub`),
    );
  });

  it("say how one is reached and where it is", () => {
    expect(reachWords(laptop)).toBeUndefined();
    expect(reachWords(remote())).toBe("SSH via laptop");
    expect(reachWords(remote({ transport: "tailscale", container: "dev-box" }))).toBe("Tailscale via laptop, in dev-box");
    expect(reachWords(remote({ container: "auto" }))).toBe("SSH via laptop");
    expect([
      placeWords(remote()),
      placeWords(remote({ user: "dev", port: 2222 })),
      placeWords(remote({ address: "2001:db8::5" })),
      placeWords(remote({ address: "2001:db8::5", port: 22 })),
    ]).toEqual(["10.0.0.5", "dev@10.0.0.5:2222", "2001:db8::5", "[2001:db8::5]:22"]);
  });

  it("say why one is away: switched off, its carrier away, its last test, or not known", () => {
    const failed = { ok: false, at: AT, error: "Connection refused." };
    const why = (over: Partial<Host>, carrier = laptop) => awayOf(remote(over), [carrier]);
    expect(awayOf(sampleHost("box", { status: "lost" }), [laptop])).toBeUndefined();
    expect(why({ status: "online", lastCheck: failed })).toBeUndefined();
    expect(why({ enabled: false, lastCheck: failed })).toEqual({ why: "off" });
    expect(why({ lastCheck: failed }, { ...laptop, status: "stale" })).toEqual({ why: "carrier", name: "laptop" });
    expect(why({ lastCheck: failed })).toEqual({ why: "check", error: "Connection refused.", at: AT });
    expect(why({ status: "never" })).toEqual({ why: "untested" });
    expect(why({ lastSeenAt: AT })).toEqual({ why: "unknown", since: AT });
    expect(why({ lastSeenAt: AT, lastCheck: { ok: true, at: AT } })).toEqual({ why: "unknown", since: AT });
  });

  it("say in one word what is the matter with a host, and nothing when nothing is", () => {
    expect(hostWord(laptop)).toBeUndefined();
    expect([
      hostWord(remote({ locked: { reason: "twice", at: AT }, enabled: false })),
      hostWord(remote({ enabled: false })),
      hostWord(remote({ status: "never" })),
      hostWord(remote({ draining: true, status: "online" })),
    ]).toEqual(["locked", "off", "not seen yet", "draining"]);
  });
});
