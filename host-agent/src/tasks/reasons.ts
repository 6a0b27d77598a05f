/** A refusal of this host as the reason of an attempt. */
import type { TaskReason } from "@maestro/shared/contract/tasks";
import type { TaskReasonCode } from "@maestro/shared/contract/task-reasons";
import type { ErrorCode, MaestroError } from "@maestro/shared/errors";

const REASONS: Partial<Record<ErrorCode, TaskReasonCode>> = {
  policy_denied: "policy_denied",
  path_outside_roots: "policy_denied",
  insecure_permissions: "policy_denied",
  env_denied: "policy_denied",
  env_name_invalid: "policy_denied",
  disk_full: "disk_low",
  workspace_error: "workspace_error",
  agent_cli_missing: "agent_cli_missing",
  agent_type_not_found: "agent_cli_missing",
  agent_type_invalid: "agent_cli_missing",
  secret_not_found: "secret_missing",
  signature_invalid: "secret_missing",
  image_gone: "images_missing",
  spawn_failed: "spawn_failed",
  nul_byte: "spawn_failed",
  container_engine_missing: "spawn_failed",
  container_image_missing: "spawn_failed",
  container_name_taken: "spawn_failed",
  container_failed: "spawn_failed",
  // It may answer again, or what is in the way may end.
  container_engine_down: "offer_refused",
  workspace_busy: "offer_refused",
  // Adapters, of a prompt or a mode that their CLI cannot be given.
  field_invalid: "spawn_failed",
  field_missing: "spawn_failed",
  ssh_agent_missing: "no_capable_host",
  forwarding_unsupported: "no_capable_host",
  prompt_too_large: "spawn_failed",
  descriptors_exhausted: "offer_refused",
  state_unwritable: "offer_refused",
};

export function reasonOf({ code, detail, hint }: MaestroError): TaskReason {
  return {
    code: REASONS[code] ?? "internal",
    detail: detail.slice(0, 2048),
    ...(hint === undefined ? {} : { hint: hint.slice(0, 1024) }),
  };
}
