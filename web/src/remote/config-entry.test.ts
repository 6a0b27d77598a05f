import { describe, expect, it } from "vitest";
import { sampleHost } from "../fleet/testing/samples.ts";
import { asSaved, entriesWith, entryWords, pick, standingEntry, unpick } from "./config-entry.ts";
import { emptyRemote, remoteBodyOf, type RemoteDraft } from "./draft.ts";

const empty = emptyRemote([sampleHost("laptop")]);
const gpu = { host: "GPU.Lab", hostName: "10.0.0.5", user: "dev", port: 2222, identityFile: "/home/me/.ssh/gpu", proxyJump: "bastion" };
const nas = { host: "nas" };
const typed: RemoteDraft = { ...empty, address: "10.9.9.9", user: "me", port: "22", identity: "~/.ssh/k", cwd: "~/w" };

describe("[SSH8] a remote host taken from ssh_config", () => {
  it("fills the form, and leaves to the file what the file says", () => {
    const { draft, picked } = pick(empty, gpu, undefined);
    expect(draft).toEqual({
      ...empty,
      name: "gpu-lab",
      address: "GPU.Lab",
      user: "dev",
      port: "2222",
      identity: "/home/me/.ssh/gpu",
      sshConfig: true,
    });
    expect(remoteBodyOf(asSaved(draft, picked))).toEqual({ address: "GPU.Lab", sshConfig: true });
  });

  it("may be edited: what is other than in the file is saved, what was emptied is not", () => {
    const { draft, picked } = pick(empty, gpu, undefined);
    expect(remoteBodyOf(asSaved({ ...draft, user: "root", port: " 2222 ", identity: "" }, picked))).toEqual({
      address: "GPU.Lab",
      sshConfig: true,
      user: "root",
    });
  });

  it("goes back to what was typed before, also after another was chosen", () => {
    const first = pick(typed, gpu, undefined);
    expect(first.draft).toMatchObject({ user: "dev", cwd: "~/w" });
    const second = pick({ ...first.draft, cwd: "~/later" }, nas, first.picked);
    expect(second.draft).toMatchObject({ name: "nas", address: "nas", user: "", port: "", identity: "", cwd: "~/later" });
    expect(unpick({ ...second.draft, user: "edited" }, second.picked)).toEqual({ ...typed, cwd: "~/later" });
  });

  it("gives a name where there is none, and leaves one alone that somebody gave", () => {
    expect(pick({ ...typed, name: "mine" }, gpu, undefined).draft.name).toBe("mine");
    const { draft, picked } = pick(typed, gpu, undefined);
    expect(unpick({ ...draft, name: "given-since" }, picked).name).toBe("given-since");
    expect(unpick(draft, picked).name).toBe("");
  });

  it("is so as long as carrier, address and ssh_config are those of the entry", () => {
    const { draft, picked } = pick(empty, gpu, undefined);
    expect(standingEntry({ ...draft, user: "x" }, picked)).toBe(picked);
    for (const part of [{ address: "gpu" }, { via: "hst_other" }, { sshConfig: false }])
      expect(standingEntry({ ...draft, ...part }, picked)).toBeUndefined();
    const other = { ...draft, address: "gpu" };
    expect(asSaved(other, standingEntry(other, picked))).toBe(other);
    expect(standingEntry(draft, undefined)).toBeUndefined();
  });

  it("is told by where it is, and found by any of it", () => {
    expect(entryWords(gpu)).toBe("dev@10.0.0.5:2222 · over bastion");
    expect(entryWords(nas)).toBe("");
    expect(entryWords({ host: "six", hostName: "2001:db8::1", port: 22 })).toBe("[2001:db8::1]:22");
    expect(entryWords({ host: "u", user: "me" })).toBe("me@u");
    expect(entriesWith([gpu, nas], " BASTION dev")).toEqual([gpu]);
    expect(entriesWith([gpu, nas], "")).toEqual([gpu, nas]);
    expect(entriesWith([gpu, nas], "nas gpu")).toEqual([]);
  });
});
