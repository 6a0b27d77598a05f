import type { Agent, AgentTypeRow, Host } from "@maestro/shared/contract/resources";
import { describe, expect, it } from "vitest";
import { byFame, defaultWorkspace, freeAgentName, launchables, typeName } from "./launch.ts";
import { AT, sampleAgent, sampleHost } from "./testing/samples.ts";

const host = (id: string, over: Partial<Host> = {}): Host => sampleHost(id, { id, roots: ["/home/u", "/tmp/maestro-workspaces"], ...over });
const type = (slug: string, adapter: string, on: readonly string[], found = true): AgentTypeRow => ({
  slug,
  adapter,
  source: "builtin",
  capabilities: [],
  hosts: on.map((id) => ({
    host: id,
    name: id,
    report: {
      slug,
      adapter: "custom",
      source: "builtin",
      capabilities: [],
      detected: found ? { state: "found", binary: "/b", version: "1.0" } : { state: "missing", lookedFor: slug, install: "npm i -g x" },
    },
  })),
});
const agent = (name: string): Agent => sampleAgent(name, "a");

describe("launching", () => {
  it("offers an agent CLI only where it is installed and the host takes work", () => {
    const hosts = [
      host("a"),
      host("b", { status: "lost" }),
      host("c", { draining: true }),
      host("d", { locked: { reason: "twice", at: AT } }),
      host("e", { transport: "ssh", enabled: false }),
    ];
    const offers = launchables(
      [type("claude", "claude", ["a", "b", "c", "d", "e", "gone"]), type("codex", "codex", ["a"], false), type("shell", "shell", ["a"])],
      hosts,
    );
    expect(offers.map((offer) => `${offer.type.slug}@${offer.host.id}`)).toEqual(["claude@a"]);
  });

  it("finds a free name and a workspace below the workspace root", () => {
    expect(freeAgentName([], "claude", "laptop")).toBe("claude");
    expect(freeAgentName([agent("claude")], "claude", "laptop")).toBe("claude-laptop");
    expect(freeAgentName([agent("claude"), agent("claude-laptop")], "claude", "laptop")).toBe("claude-2");
    expect(defaultWorkspace(host("a"), "claude")).toBe("/tmp/maestro-workspaces/claude");
    expect(defaultWorkspace(host("a", { roots: ["/home/u/"] }), "claude")).toBe("/home/u/claude");
  });

  it("lists what people know first, and a fleet's own types after it", () => {
    const slugs = [
      type("zed", "custom", []),
      type("aider", "aider", []),
      type("codex", "codex", []),
      type("acme", "claude", []),
      type("claude", "claude", []),
    ];
    expect(slugs.toSorted(byFame).map(({ slug }) => slug)).toEqual(["claude", "codex", "aider", "acme", "zed"]);
  });

  it("calls built-in types by their product's name and custom ones by their own", () => {
    expect(typeName({ slug: "claude", adapter: "claude" })).toBe("Claude Code");
    expect(typeName({ slug: "reviewer", adapter: "kilo" })).toBe("reviewer");
  });
});
