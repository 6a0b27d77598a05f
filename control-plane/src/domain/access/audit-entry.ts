/** One line of the audit log, before it has its place in the chain. */
export interface AuditEntry {
  actor: string;
  credential: string;
  ip: string;
  action: string;
  target: string;
  outcome: "ok" | "denied" | "failed";
  code?: string;
  requestId: string;
}

/** One that is written later than it was made. */
export interface DatedEntry extends AuditEntry {
  atMs: number;
}
