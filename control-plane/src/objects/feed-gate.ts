/** Who may open a socket here: each ticket once, and no credential that was just revoked. */
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

/** An upgrade that was authenticated before the revocation arrives well within this. */
const REVOKED_FOR_MS = 10 * 60_000;
/** The same for a credential that only got other rights, whose owner waits to come back with those. */
const CHANGED_FOR_MS = 5_000;

export class SocketGate {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Spends the ticket. */
  admit(credential: string, ticket: { nonce: string; expiresMs: number } | undefined, nowMs: number): Result<void> {
    this.#sql.exec("DELETE FROM spent_nonces WHERE until_ms < ?", nowMs);
    this.#sql.exec("DELETE FROM revoked WHERE until_ms < ?", nowMs);
    if (this.#sql.exec("SELECT 1 FROM revoked WHERE credential = ?", credential).toArray().length > 0) {
      return err(maestroError("token_revoked", "This credential was revoked.", { hint: "Log in again." }));
    }
    if (this.#sql.exec("SELECT 1 FROM revoked WHERE credential = ?", changed(credential)).toArray().length > 0) {
      return err(maestroError("superseded", "The rights of this credential changed a moment ago.", { hint: "Connect again." }));
    }
    if (ticket === undefined) return ok(undefined);
    if (ticket.expiresMs < nowMs)
      return err(maestroError("ticket_expired", "The ticket is older than 30 s.", { hint: "Ask for a new one." }));
    const spent = this.#sql.exec("INSERT OR IGNORE INTO spent_nonces (nonce, until_ms) VALUES (?, ?)", ticket.nonce, ticket.expiresMs);
    return spent.rowsWritten === 0
      ? err(maestroError("ticket_used", "This ticket opened a socket before.", { hint: "A ticket works once; ask for a new one." }))
      : ok(undefined);
  }

  revoke(credential: string, nowMs: number, why: "revoked" | "changed" = "revoked"): void {
    const [key, forMs] = why === "revoked" ? [credential, REVOKED_FOR_MS] : [changed(credential), CHANGED_FOR_MS];
    this.#sql.exec("INSERT OR REPLACE INTO revoked (credential, until_ms) VALUES (?, ?)", key, nowMs + forMs);
  }
}

const changed = (credential: string): string => `changed:${credential}`;
