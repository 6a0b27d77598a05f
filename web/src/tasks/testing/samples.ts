/** A task as the API shows it, for tests that care for a field or two. */
import type { TaskDetail } from "@maestro/shared/contract/tasks";
import { AT } from "../../fleet/testing/samples.ts";

export const sampleTask = (over: Partial<TaskDetail> = {}): TaskDetail => ({
  id: "tsk_1",
  status: "queued",
  prompt: "Do it.",
  priority: 3,
  labels: {},
  createdAt: AT,
  createdBy: "ada",
  timeoutMs: 1_800_000,
  retries: 0,
  idempotent: false,
  onLost: "wait",
  dependsOn: [],
  env: [],
  secrets: [],
  trace: false,
  targets: [
    {
      agent: { id: "agt_reviewer", name: "reviewer", type: "claude" },
      host: { id: "hst_laptop", name: "laptop" },
      status: over.status ?? "queued",
      attempts: 0,
    },
  ],
  attempts: [],
  ...over,
});
