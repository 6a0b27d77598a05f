/**
 * Files that take long begin first, so that at the end no worker waits for another one's long file. A clean clone
 * knows nothing of earlier runs: what takes long is said here, longest first; the others follow in vitest's own order.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

const LONG = [
  "test/e2e/bytes",
  "test/e2e/faults",
  "test/e2e/join",
  "test/e2e/faults-versions",
  "test/e2e/console",
  "test/e2e/deploy",
  "test/e2e/remote-faults",
  "test/e2e/faults-tasks-limits",
  "test/e2e/tasks",
  "test/e2e/remote-hosts",
  "test/e2e/faults-tasks-link",
  "test/chaos/chaos",
  "test/e2e/console-fleet",
  "test/e2e/secrets",
  "test/e2e/faults-tasks",
  "test/e2e/console-tasks",
  "test/e2e/console-remote",
  "test/e2e/remote-containers",
  "test/e2e/hostile",
  "test/e2e/cli",
  "test/e2e/agents",
  "test/e2e/remote-terminals",
  "test/e2e/remote-tailscale",
  "test/chaos/graph",
  "test/e2e/remote-agents",
  "test/e2e/remote-secrets",
  "test/e2e/tasks-agents",
  "test/e2e/cli-walk",
  "test/workerd/routes-walk",
  "test/workerd/routes-remote-hosts",
  "test/workerd/access-requests",
  "test/workerd/link-tasks",
  "host-agent/src/carrier/isolated-work",
  "host-agent/src/carrier/contained-sessions",
  "host-agent/src/carrier/terminals",
  "host-agent/src/daemon/process",
  "host-agent/src/tasks/runner",
  "host-agent/src/carrier/remote-tasks",
  "host-agent/src/carrier/remote-files",
  "host-agent/src/carrier/isolated-sessions",
  "host-agent/src/carrier/remote-faults",
  "host-agent/src/cli/cli",
  "host-agent/src/tasks/runner-ahead",
  "test/quoting",
  "host-agent/src/holder/holder-life",
  "host-agent/src/tasks/tasks",
  "host-agent/src/link/link",
  "host-agent/src/carrier/isolated-engine",
  "host-agent/src/holder/user-tmux",
  "host-agent/src/daemon/stop",
  "host-agent/src/carrier/carried-sessions",
  "host-agent/src/transports/ssh/dial",
  "host-agent/src/transports/ssh/exec",
  "host-agent/src/holder/tmux-backend",
  "host-agent/src/tasks/crash",
  "host-agent/src/carrier/tailscale-shell",
  "control-plane/src/domain/relay/channel.fuzz",
];

/** Its place among those that take long; after all of them for any other. */
function place(file: string): number {
  const at = LONG.findIndex((name) => file.endsWith(`/${name}.test.ts`));
  return at === -1 ? LONG.length : at;
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => place(a.moduleId) - place(b.moduleId));
  }
}
