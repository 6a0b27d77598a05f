/** What a host says of itself and of its sessions. */
import { makeId } from "@maestro/shared/ids";
import type { SessionInfo } from "@maestro/shared/protocol/session";
import { KNOWN_NEEDS } from "@maestro/shared/protocol/task-needs";
import type { Text } from "./relay-frames.ts";

export const helloOf = (instance: string, sessions: SessionInfo[], more = false): Text => ({
  t: "hello",
  versions: { min: 1, max: 1 },
  agentVersion: "0.1.0",
  instance,
  bootId: "boot-1",
  platform: { os: "linux", arch: "x64", release: "6", hostname: "box", node: "24", cpus: 2, memoryBytes: 1 },
  capabilities: [...KNOWN_NEEDS],
  policyDigest: "",
  roots: ["/tmp"],
  sessions,
  more,
});

export function sessionInfo(more: Partial<SessionInfo> = {}): SessionInfo {
  return {
    id: makeId("session", Date.now(), crypto.getRandomValues(new Uint8Array(10))),
    name: "work",
    backend: "pty",
    title: "",
    cwd: "/tmp",
    command: "sh",
    cols: 80,
    rows: 24,
    createdMs: Date.now(),
    lastActivityMs: Date.now(),
    epoch: 1,
    ...more,
  };
}

export const typeReport = (slug: string, more: Record<string, unknown> = {}): object => ({
  slug,
  adapter: "shell",
  source: "builtin",
  capabilities: [],
  detected: { state: "found", binary: "/bin/sh", version: "1" },
  ...more,
});
