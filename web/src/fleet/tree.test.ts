import type { Session } from "@maestro/shared/contract/resources";
import { describe, expect, it } from "vitest";
import { agentTone, fleetTree, hostTone, sessionTone, type TreeNode } from "./tree.ts";
import { AT, sampleAgent as agent, sampleHost as host } from "./testing/samples.ts";

const session = (name: string, on: string, over: Partial<Session> = {}): Session => ({
  id: `ses_${name}`,
  name,
  host: { id: `hst_${on}`, name: on, status: "online" },
  backend: "pty",
  title: "",
  cwd: "/",
  command: "bash",
  cols: 80,
  rows: 24,
  status: "running",
  createdAt: AT,
  lastActivityAt: AT,
  ...over,
});

const outline = (nodes: readonly TreeNode[], depth = 0): string[] =>
  nodes.flatMap((node) => [`${"  ".repeat(depth)}${node.kind} ${node.label}`, ...outline(node.children, depth + 1)]);

describe("fleet tree", () => {
  it("puts hosts into the groups their names say, and the others beside them", () => {
    const tree = fleetTree({
      hosts: [host("laptop"), host("acme-web-db1"), host("acme-web-app"), host("acme-ops-ci")],
      agents: [],
      sessions: [],
    });
    expect(outline(tree)).toEqual([
      "group acme",
      "  group ops",
      "    host ci",
      "  group web",
      "    host app",
      "    host db1",
      "host laptop",
    ]);
  });

  it("shows an agent's session under the agent, and a free one under its host", () => {
    const tree = fleetTree({
      hosts: [host("laptop")],
      agents: [agent("claude", "laptop", { session: "ses_a", status: "working" })],
      sessions: [session("a", "laptop"), session("b", "laptop"), session("elsewhere", "gone")],
    });
    expect(outline(tree)).toEqual(["host laptop", "  agent claude", "    session a", "  session b"]);
  });

  it("puts agents into the groups their names say, on each host by itself", () => {
    const tree = fleetTree({
      hosts: [host("laptop"), host("server")],
      agents: [
        agent("demo-web-frontend", "laptop", { session: "ses_a" }),
        agent("demo-web-api", "laptop", { status: "failed" }),
        agent("claude", "laptop"),
        agent("demo-web-api", "server"),
      ],
      sessions: [session("a", "laptop"), session("b", "laptop")],
    });
    expect(outline(tree)).toEqual([
      "host laptop",
      "  group demo",
      "    group web",
      "      agent api",
      "      agent frontend",
      "        session a",
      "  agent claude",
      "  session b",
      "host server",
      "  group demo",
      "    group web",
      "      agent api",
    ]);
    const [onLaptop, onServer] = tree.map((node) => node.children[0]);
    expect([onLaptop?.tone, onServer?.tone]).toEqual(["failed", "idle"]);
    expect(onLaptop?.key).not.toBe(onServer?.key);
  });

  it("a group shows the worst of its hosts", () => {
    const [group] = fleetTree({ hosts: [host("acme-web-a"), host("acme-web-b", { status: "lost" })], agents: [], sessions: [] });
    expect(group?.tone).toBe("failed");
  });

  it("tones tell trouble from rest", () => {
    expect([
      hostTone(host("a")),
      hostTone(host("a", { draining: true })),
      hostTone(host("a", { status: "stale" })),
      hostTone(host("a", { status: "never" })),
      hostTone(host("a", { status: "lost", enabled: false })),
      hostTone(host("a", { locked: { reason: "x", at: AT } })),
    ]).toEqual(["working", "idle", "away", "off", "off", "failed"]);
    expect([
      sessionTone(session("a", "h")),
      sessionTone(session("a", "h", { status: "ended", end: { reason: "exited", code: 0, atMs: 0 } })),
      sessionTone(session("a", "h", { status: "ended", end: { reason: "exited", code: 2, atMs: 0 } })),
      sessionTone(session("a", "h", { status: "ended", end: { reason: "holder_lost", atMs: 0 } })),
      sessionTone(session("a", "h", { status: "ended", end: { reason: "killed", signal: "SIGTERM", atMs: 0 } })),
      sessionTone(session("a", "h", { status: "ended", end: { reason: "exited", signal: "SIGSEGV", atMs: 0 } })),
    ]).toEqual(["working", "off", "failed", "failed", "off", "failed"]);
    expect(agentTone(agent("a", "h", { status: "unknown" }))).toBe("away");
  });
});
