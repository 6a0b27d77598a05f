/** Hosts and agents as the API shows them, for tests that care for a field or two. */
import type { Agent, Host } from "@maestro/shared/contract/resources";

export const AT = "2026-11-20T10:00:00Z";

export const sampleHost = (name: string, over: Partial<Host> = {}): Host => ({
  id: `hst_${name}`,
  name,
  transport: "link",
  status: "online",
  labels: {},
  draining: false,
  createdAt: AT,
  capabilities: [],
  roots: [],
  sessions: 0,
  ...over,
});

/** @param on the name of its host. */
export const sampleAgent = (name: string, on: string, over: Partial<Agent> = {}): Agent => ({
  id: `agt_${name}`,
  name,
  type: "claude",
  host: { id: `hst_${on}`, name: on },
  workspace: "/w",
  priority: 3,
  tags: [],
  env: {},
  args: [],
  status: "idle",
  createdAt: AT,
  updatedAt: AT,
  ...over,
});
