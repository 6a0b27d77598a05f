/**
 * The one table of refusals: each code with its HTTP status, its exit code and whether the same
 * request may succeed later. Nothing else decides what may be retried.
 */

interface ErrorRow {
  status: number;
  exit: ExitCode;
  title: string;
  retryable?: boolean;
}

/** The only exit codes a `maestro` command ends with, apart from a passed-through child's. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  unreachable: 3,
  auth: 4,
  timeout: 5,
  taskFailed: 6,
  needsApproval: 7,
  pending: 8,
  notFound: 9,
  conflict: 10,
  policy: 11,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const row = (status: number, exit: ExitCode, title: string, retryable = false): ErrorRow => ({ status, exit, title, retryable });

export const ERRORS = {
  // access
  auth_required: row(401, 4, "Authentication required"),
  token_malformed: row(401, 4, "Token malformed"),
  token_unknown: row(401, 4, "Token not known"),
  token_expired: row(401, 4, "Token expired"),
  token_revoked: row(401, 4, "Token revoked"),
  token_in_url: row(400, 2, "Token in the URL"),
  session_expired: row(401, 4, "Browser session expired"),
  session_key_missing: row(401, 4, "Console key missing"),
  csrf_missing: row(403, 4, "CSRF header missing"),
  origin_denied: row(403, 4, "Origin not allowed"),
  scope_missing: row(403, 4, "Scope missing"),
  role_insufficient: row(403, 4, "Role insufficient"),
  agent_forbidden: row(403, 4, "Not for agents"),
  host_forbidden: row(403, 4, "Not for hosts"),
  step_up_required: row(403, 4, "Fresh login required"),
  not_bootstrapped: row(503, 1, "Not bootstrapped"),
  already_bootstrapped: row(410, 10, "Already bootstrapped"),
  bootstrap_secret_invalid: row(401, 4, "Bootstrap secret wrong"),
  login_link_invalid: row(401, 4, "Login link invalid"),
  login_link_used: row(401, 4, "Login link used"),
  login_link_expired: row(401, 4, "Login link expired"),
  join_token_invalid: row(401, 4, "Join token invalid"),
  join_token_used: row(401, 4, "Join token used"),
  join_token_expired: row(401, 4, "Join token expired"),
  proof_invalid: row(401, 4, "Proof of possession invalid"),
  signature_invalid: row(401, 4, "Signature invalid"),
  clock_skew: row(401, 4, "Clock skew", true),
  nonce_replayed: row(401, 4, "Nonce replayed", true),
  host_unknown: row(401, 4, "Host not enrolled"),
  host_locked: row(403, 4, "Host identity locked"),
  epoch_stale: row(409, 10, "Connection epoch stale", true),
  ticket_invalid: row(401, 4, "Ticket invalid"),
  ticket_used: row(401, 4, "Ticket used"),
  ticket_expired: row(401, 4, "Ticket expired"),
  rate_limited: row(429, 1, "Rate limited", true),
  insecure_permissions: row(403, 4, "File permissions too open"),
  insecure_url: row(403, 4, "URL not secure"),
  // requests
  json_invalid: row(400, 2, "JSON invalid"),
  json_too_deep: row(400, 2, "JSON nested too deeply"),
  body_too_large: row(413, 2, "Body too large"),
  content_type_unsupported: row(415, 2, "Content type unsupported"),
  unknown_field: row(400, 2, "Unknown field"),
  field_missing: row(400, 2, "Field missing"),
  field_invalid: row(400, 2, "Field invalid"),
  cursor_invalid: row(400, 2, "Cursor invalid"),
  idempotency_mismatch: row(422, 2, "Idempotency key reused"),
  idempotency_in_progress: row(409, 10, "Same request in progress", true),
  method_not_allowed: row(405, 2, "Method not allowed"),
  route_not_found: row(404, 9, "No such route"),
  nul_byte: row(400, 2, "NUL byte"),
  path_outside_roots: row(403, 11, "Path outside the allowed roots"),
  env_denied: row(403, 11, "Environment name denied"),
  env_name_invalid: row(400, 2, "Environment name invalid"),
  size_out_of_range: row(400, 2, "Size out of range"),
  websocket_required: row(426, 2, "WebSocket required"),
  subprotocol_invalid: row(400, 2, "Subprotocol invalid"),
  // sockets
  frame_invalid: row(400, 1, "Frame invalid"),
  frame_kind: row(400, 1, "Frame kind wrong"),
  frame_too_large: row(413, 1, "Frame too large"),
  offset_invalid: row(400, 2, "Offset invalid"),
  hello_timeout: row(408, 5, "No hello in time", true),
  superseded: row(409, 10, "Superseded", true),
  seq_conflict: row(409, 10, "Sequence conflict"),
  upgrade_required: row(426, 1, "Version not supported"),
  type_unknown: row(400, 1, "Request type unknown"),
  read_only: row(403, 4, "Read-only"),
  not_writer: row(403, 4, "Somebody else writes"),
  input_refused: row(503, 3, "Input refused", true),
  too_many_viewers: row(429, 1, "Too many viewers", true),
  // things
  host_not_found: row(404, 9, "Host not found"),
  host_exists: row(409, 10, "Host exists"),
  host_unreachable: row(503, 3, "Host unreachable", true),
  host_limit: row(409, 1, "Too many hosts"),
  host_carries: row(409, 10, "Host carries others"),
  host_busy: row(409, 10, "Work runs on the host"),
  host_draining: row(409, 10, "Host is draining"),
  agent_not_found: row(404, 9, "Agent not found"),
  agent_exists: row(409, 10, "Agent exists"),
  agent_running: row(409, 10, "Agent is running"),
  agent_not_running: row(409, 10, "Agent is not running"),
  agent_type_not_found: row(404, 9, "Agent type not found"),
  agent_type_exists: row(409, 10, "Agent type exists"),
  agent_type_invalid: row(400, 2, "Agent type invalid"),
  agent_cli_missing: row(409, 1, "Agent CLI missing"),
  session_not_found: row(404, 9, "Session not found"),
  session_exists: row(409, 10, "Session exists"),
  session_ended: row(409, 10, "Session ended"),
  session_foreign: row(403, 11, "Not Maestro's session"),
  session_limit: row(429, 1, "Too many sessions", true),
  spawn_failed: row(422, 1, "Command could not be started"),
  file_not_found: row(404, 9, "File not found"),
  file_forbidden: row(403, 4, "File may not be read"),
  not_a_directory: row(422, 1, "Not a directory"),
  not_a_file: row(422, 1, "Not a file that can be read"),
  workspace_error: row(422, 1, "Workspace error"),
  token_not_found: row(404, 9, "Token not found"),
  token_exists: row(409, 10, "Token exists"),
  member_not_found: row(404, 9, "Member not found"),
  member_exists: row(409, 10, "Member exists"),
  member_last_owner: row(409, 10, "Last owner"),
  policy_denied: row(403, 11, "Refused by policy"),
  audit_unavailable: row(503, 1, "Audit log unavailable", true),
  timeout: row(504, 5, "Timed out", true),
  backend_unavailable: row(409, 1, "Terminal backend unavailable"),
  disk_full: row(507, 1, "Disk full", true),
  descriptors_exhausted: row(503, 1, "Out of file descriptors", true),
  internal: row(500, 1, "Internal error", true),
  // tasks, logs, state, secrets
  task_not_found: row(404, 9, "Task not found"),
  task_exists: row(409, 10, "Task exists"),
  task_final: row(409, 10, "Task has ended"),
  task_not_final: row(409, 10, "Task has not ended"),
  task_failed: row(409, 6, "Task did not succeed"),
  task_pending: row(409, 8, "Task is still pending", true),
  attempt_not_found: row(404, 9, "Attempt not found"),
  attempt_terminal: row(409, 10, "Attempt has ended"),
  attempt_foreign: row(403, 4, "Attempt of another host"),
  stale_fence: row(409, 10, "Fence is stale"),
  dependency_self: row(400, 2, "Depends on itself"),
  dependency_cycle: row(400, 2, "Dependencies form a cycle"),
  dependency_not_found: row(400, 2, "Dependency not found"),
  dependency_failed: row(409, 10, "Dependency failed"),
  prompt_too_large: row(413, 2, "Prompt too large"),
  image_invalid: row(400, 2, "Not an image"),
  image_too_large: row(413, 2, "Image too large"),
  image_limit: row(413, 2, "Too many images"),
  image_gone: row(410, 10, "Images were removed"),
  target_missing: row(400, 2, "No agent named"),
  agent_unhealthy: row(409, 3, "Agent is not healthy"),
  queue_full: row(429, 1, "Queue is full", true),
  depth_exceeded: row(403, 11, "Tasks nested too deeply"),
  fan_out_exceeded: row(403, 11, "Too many child tasks"),
  budget_exceeded: row(403, 11, "Budget is spent"),
  log_not_found: row(404, 9, "No log"),
  workspace_busy: row(409, 10, "Workspace in use"),
  key_invalid: row(400, 2, "Key invalid"),
  key_reserved: row(400, 2, "Key reserved"),
  key_not_found: row(404, 9, "Key not found"),
  ttl_out_of_range: row(400, 2, "Lifetime out of range"),
  value_too_large: row(413, 2, "Value too large"),
  version_conflict: row(409, 10, "Version has changed"),
  state_full: row(429, 1, "State is full"),
  secret_not_found: row(404, 9, "Secret not found"),
  secret_limit: row(429, 1, "Too many secrets"),
  // remote hosts
  host_invalid: row(400, 2, "Host invalid"),
  port_invalid: row(400, 2, "Port invalid"),
  user_invalid: row(400, 2, "User invalid"),
  transport_invalid: row(400, 2, "Transport invalid"),
  ssh_config_invalid: row(400, 2, "SSH configuration invalid"),
  name_unresolved: row(503, 3, "Name does not resolve"),
  ssh_unreachable: row(503, 3, "SSH server unreachable", true),
  ssh_timeout: row(504, 5, "SSH server silent", true),
  ssh_lost: row(503, 3, "SSH connection lost", true),
  ssh_failed: row(502, 1, "SSH failed"),
  ssh_protocol: row(502, 1, "SSH servers do not agree"),
  ssh_auth_failed: row(403, 4, "SSH authentication failed"),
  key_file_missing: row(403, 4, "Key file missing"),
  key_file_permissions: row(403, 4, "Key file permissions too open"),
  key_file_invalid: row(403, 4, "Key file invalid"),
  key_passphrase_needed: row(403, 4, "Key is locked"),
  host_key_changed: row(403, 11, "Host key changed"),
  host_key_unknown: row(403, 11, "Host key unknown"),
  host_key_revoked: row(403, 11, "Host key revoked"),
  ssh_agent_missing: row(409, 1, "No ssh-agent to forward"),
  forwarding_unsupported: row(409, 1, "No agent forwarding there"),
  tailscale_not_running: row(503, 3, "Tailscale not running", true),
  tailscale_login_needed: row(403, 4, "Tailscale needs a login"),
  tailscale_peer_unknown: row(503, 3, "Not in the tailnet"),
  tailscale_peer_offline: row(503, 3, "Offline in the tailnet", true),
  remote_shell_broken: row(502, 1, "Remote shell not usable"),
  remote_directory_missing: row(422, 1, "Remote directory missing"),
  container_not_running: row(503, 3, "Container not running", true),
  container_engine_missing: row(422, 1, "No container engine"),
  container_engine_down: row(503, 3, "Container engine does not answer", true),
  container_image_missing: row(422, 1, "Container image missing"),
  container_name_taken: row(409, 10, "Container name taken"),
  container_failed: row(422, 1, "Container could not be made"),
  // command line
  usage: row(400, 2, "Usage"),
  flag_invalid: row(400, 2, "Flag invalid"),
  flag_unknown: row(400, 2, "Flag unknown"),
  command_unknown: row(400, 2, "Command unknown"),
  conflicting_flags: row(400, 2, "Flags conflict"),
  ambiguous: row(409, 10, "Ambiguous"),
  confirmation_required: row(400, 2, "Confirmation required"),
  server_unreachable: row(503, 3, "Server unreachable", true),
  server_error: row(502, 1, "Unexpected answer", true),
  not_logged_in: row(401, 4, "Not logged in"),
  already_running: row(409, 10, "Already running"),
  not_running: row(409, 10, "Not running"),
  port_in_use: row(409, 10, "Port in use"),
  tls_required: row(403, 11, "TLS required"),
  tls_invalid: row(400, 2, "TLS files invalid"),
  tls_pin_mismatch: row(403, 11, "Certificate does not match the pin"),
  state_unwritable: row(503, 1, "State directory not writable"),
  audit_broken: row(409, 1, "Audit chain broken"),
  node_too_old: row(400, 1, "Node too old"),
  not_a_terminal: row(400, 2, "Not a terminal"),
  doctor_failed: row(409, 1, "Checks failed"),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** A refusal, whole: what was wrong (`detail`), where (`field`), what to do (`hint`). */
export interface MaestroError {
  code: ErrorCode;
  detail: string;
  field?: string;
  hint?: string;
  /** Small machine-readable extras that belong to one code, e.g. `serverTime` of `clock_skew`. */
  extra?: Record<string, string | number | boolean | string[]>;
}

export interface ErrorPlace {
  field?: string;
  hint?: string;
  extra?: MaestroError["extra"];
}

export function maestroError(code: ErrorCode, detail: string, place: ErrorPlace = {}): MaestroError {
  return {
    code,
    detail,
    ...(place.field === undefined ? {} : { field: place.field }),
    ...(place.hint === undefined ? {} : { hint: place.hint }),
    ...(place.extra === undefined ? {} : { extra: place.extra }),
  };
}

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/** A refusal on its way up a call stack that cannot return a Result (hono handlers, CLI commands). */
export class MaestroFailure extends Error {
  override readonly name = "MaestroFailure";
  readonly error: MaestroError;

  constructor(error: MaestroError, options?: { cause?: unknown }) {
    super(`${error.code}: ${error.detail}`, options);
    this.error = error;
  }
}

export function fail(code: ErrorCode, detail: string, place: ErrorPlace = {}, cause?: unknown): MaestroFailure {
  return new MaestroFailure(maestroError(code, detail, place), cause === undefined ? undefined : { cause });
}

/** `application/problem+json`, as HTTP answers and `--json` on stderr carry it. */
export interface Problem extends Omit<MaestroError, "extra"> {
  type: string;
  title: string;
  status: number;
  requestId: string;
}

export function toProblem(error: MaestroError, requestId: string): Problem & Record<string, unknown> {
  const { extra, ...rest } = error;
  const { status, title } = ERRORS[error.code];
  return { type: `/problems/${error.code}`, title, status, ...rest, requestId, ...extra };
}

/** The exit code for an answer: the code decides; for a code this version does not know, the status. */
export function exitCodeFor(code: string, status: number): ExitCode {
  if (isErrorCode(code)) return ERRORS[code].exit;
  if (status === 401 || status === 403) return EXIT.auth;
  if (status === 404) return EXIT.notFound;
  if (status === 408 || status === 504) return EXIT.timeout;
  if (status === 409 || status === 410) return EXIT.conflict;
  if (status === 400 || status === 413 || status === 415 || status === 422) return EXIT.usage;
  return EXIT.failure;
}
