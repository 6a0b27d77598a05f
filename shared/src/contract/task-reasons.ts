/** The one table of why work did not succeed, or was ended: nothing else decides what may be tried again. */

interface ReasonRow {
  title: string;
  /** The same task may succeed elsewhere or later: only these are retried without being asked for by name. */
  transient: boolean;
}

const row = (title: string, transient = false): ReasonRow => ({ title, transient });

export const TASK_REASONS = {
  // the agent or the command
  agent_error: row("The agent reported an error"),
  exit_nonzero: row("Ended with a non-zero exit code"),
  killed_by_signal: row("Ended by a signal"),
  auth_failed: row("The agent is not logged in"),
  quota_limit: row("Quota or rate limit of the agent's provider", true),
  context_overflow: row("The prompt does not fit the model's context"),
  agent_cli_missing: row("The agent's CLI is not installed"),
  permission_denied: row("The agent was not permitted to do it"),
  network: row("The agent's provider could not be reached", true),
  log_limit: row("Wrote more than a log may hold"),
  // time
  timeout: row("Took longer than its timeout"),
  schedule_timeout: row("Was not started in time"),
  heartbeat_timeout: row("Gave no sign of life in time", true),
  // somebody's decision
  cancelled: row("Cancelled"),
  dependency_failed: row("A task it depends on did not succeed"),
  // the machine
  runner_died: row("The runner was killed", true),
  oom_killed: row("Out of memory"),
  host_reboot: row("The host was restarted", true),
  host_lost: row("The host did not come back", true),
  offer_refused: row("The host refused it", true),
  no_capable_host: row("No host can run it"),
  workspace_error: row("The workspace could not be prepared"),
  spawn_failed: row("The program could not be started"),
  disk_low: row("Too little free space on the host", true),
  policy_denied: row("Refused by the host's policy"),
  secret_missing: row("A secret it needs is not there"),
  images_missing: row("Its images did not reach the host", true),
  internal: row("Internal error", true),
} as const satisfies Record<string, ReasonRow>;

export type TaskReasonCode = keyof typeof TASK_REASONS;
const isCode = (text: string): text is TaskReasonCode => Object.hasOwn(TASK_REASONS, text);
export const TASK_REASON_CODES: readonly TaskReasonCode[] = Object.keys(TASK_REASONS).filter(isCode);

export const isTransient = (code: TaskReasonCode): boolean => TASK_REASONS[code].transient;

/** [SKILL38] Why a task does not run yet; explained by one function of the Scheduler, shown everywhere. */
export const WAITING_CODES = [
  "dependency_open",
  "host_offline",
  "host_draining",
  "host_busy",
  "agent_busy",
  "agent_unhealthy",
  "group_busy",
  "no_capable_host",
  "backoff",
  "offered",
  "host_unreachable",
  "turn",
] as const;
export type WaitingCode = (typeof WAITING_CODES)[number];
