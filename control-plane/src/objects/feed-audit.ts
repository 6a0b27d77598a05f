/** The audit chain in SQLite: only ever appended to. */
import { AUDIT_GENESIS, auditChainText } from "@maestro/shared/contract/audit-chain";
import { AuditRecord } from "@maestro/shared/contract/resources";
import { sha256Hex } from "../crypto/digest.ts";

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

export class AuditLog {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Hashing is asynchronous, so another record may get in between: then this one is hashed again over that. */
  async append(entry: AuditEntry, atMs: number): Promise<AuditRecord> {
    for (;;) {
      const head = this.#head();
      const open = { seq: head.seq + 1, at: new Date(atMs).toISOString(), ...entry };
      const record: AuditRecord = { ...open, hash: await sha256Hex(auditChainText(head.hash, open)) };
      if (this.#insertAfter(head.seq, record)) return record;
    }
  }

  list(after: number, limit: number): AuditRecord[] {
    return this.#storage.sql
      .exec("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
      .toArray()
      .map(({ request_id: requestId, code, ...row }) => AuditRecord.parse({ ...row, requestId, ...(code === null ? {} : { code }) }));
  }

  #head(): { seq: number; hash: string } {
    const row = this.#storage.sql.exec<{ seq: number; hash: string }>("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").toArray()[0];
    return row ?? { seq: 0, hash: AUDIT_GENESIS };
  }

  #insertAfter(headSeq: number, r: AuditRecord): boolean {
    if (this.#head().seq !== headSeq) return false;
    this.#storage.sql.exec(
      "INSERT INTO audit (seq, at, actor, credential, ip, action, target, outcome, code, request_id, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      r.seq,
      r.at,
      r.actor,
      r.credential,
      r.ip,
      r.action,
      r.target,
      r.outcome,
      r.code ?? null,
      r.requestId,
      r.hash,
    );
    return true;
  }
}
