/**
 * The audit chain in SQLite: only ever appended to. Where it ends is kept beside it, so that an end that was dropped is
 * missed: the next record goes on after the one that is gone, and until then the list ends with what stands for it.
 */
import { AUDIT_GENESIS, auditChainText } from "@maestro/shared/contract/audit-chain";
import { AuditRecord } from "@maestro/shared/contract/resources";
import { sha256Hex } from "../crypto/digest.ts";
import type { DatedEntry } from "../domain/access/audit-entry.ts";

/** A type and not an interface: rows of SQLite are records. */
type Link = { seq: number; hash: string };

/** How far back one is looked for that may have been written already. */
const LOOK_BACK = 10_000;

interface Waiting {
  entries: readonly DatedEntry[];
  /** Some may have been written already. */
  again: boolean;
  written: PromiseWithResolvers<void>;
}

type Named = { requestId: string; action: string; target: string };

/** One request leaves no two alike. */
const nameOf = ({ requestId, action, target }: Named): string => JSON.stringify([requestId, action, target]);

export class AuditLog {
  readonly #storage: DurableObjectStorage;
  /** What the next record follows; looked up when first needed after a wake. */
  #head: Link | undefined;
  readonly #waiting: Waiting[] = [];
  #busy = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /**
   * In order, together or none. Hashing is asynchronous: what comes meanwhile waits, and is then written together.
   * @param again some of them may stand already, and are left out.
   */
  async append(entries: readonly DatedEntry[], again = false): Promise<void> {
    if (entries.length === 0) return;
    const written = Promise.withResolvers<void>();
    this.#waiting.push({ entries, again, written });
    if (!this.#busy) void this.#writeAll();
    await written.promise;
  }

  async #writeAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        this.#write(await this.#linked(this.#missing(group)));
        for (const { written } of group) written.resolve();
      } catch (error) {
        for (const { written } of group) written.reject(error);
      }
    }
    this.#busy = false;
  }

  /** Those that do not stand yet. */
  #missing(group: readonly Waiting[]): DatedEntry[] {
    const known = group.some(({ again }) => again) ? this.#recent() : undefined;
    return group.flatMap(({ entries, again }) =>
      entries.filter((entry) => {
        const stands = again && known?.has(nameOf(entry)) === true;
        known?.add(nameOf(entry));
        return !stands;
      }),
    );
  }

  #recent(): Set<string> {
    const { seq } = (this.#head ??= this.#look());
    const rows = this.#storage.sql.exec<Named>("SELECT request_id AS requestId, action, target FROM audit WHERE seq > ?", seq - LOOK_BACK);
    return new Set(rows.toArray().map(nameOf));
  }

  /** Each follows the one before it. */
  async #linked(entries: readonly DatedEntry[]): Promise<AuditRecord[]> {
    const records: AuditRecord[] = [];
    let { seq, hash } = (this.#head ??= this.#look());
    for (const { atMs, ...entry } of entries) {
      const open = { seq: seq + 1, at: new Date(atMs).toISOString(), ...entry };
      hash = await sha256Hex(auditChainText(hash, open));
      seq = open.seq;
      records.push({ ...open, hash });
    }
    return records;
  }

  list(after: number, limit: number): AuditRecord[] {
    const records = this.#storage.sql
      .exec("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
      .toArray()
      .map(({ request_id: requestId, code, ...row }) => AuditRecord.parse({ ...row, requestId, ...(code === null ? {} : { code }) }));
    const lost = records.length < limit ? this.#lost() : undefined;
    return lost === undefined || lost.seq <= after ? records : [...records, lost];
  }

  /** Where the rows say that the chain ends. */
  #look(): Link {
    const { tail, noted } = this.#ends();
    if (noted === undefined || this.#holds(noted)) return tail;
    // What was written last is gone or is another: whatever follows must not fit what stands there now.
    return { seq: Math.max(tail.seq, noted.seq), hash: noted.hash };
  }

  /** For every verification to stumble over: it stands where the end was and fits nothing. */
  #lost(): AuditRecord | undefined {
    const { tail, noted } = this.#ends();
    if (noted === undefined || this.#holds(noted)) return undefined;
    const { at, hash } = noted;
    const seq = Math.max(noted.seq, tail.seq + 1);
    const nobody = { actor: "-", credential: "-", ip: "-", requestId: "-" };
    return { seq, at, ...nobody, action: "recordLost", target: "", outcome: "failed", code: "audit_broken", hash };
  }

  /** Whether the record that was written last is there. A version before this one wrote more without noting it. */
  #holds({ seq, hash }: Link): boolean {
    return this.#storage.sql.exec("SELECT 1 FROM audit WHERE seq = ? AND hash = ?", seq, hash).toArray().length > 0;
  }

  #ends(): { tail: Link; noted: (Link & { at: string }) | undefined } {
    const { sql } = this.#storage;
    const tail = sql.exec<Link>("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").toArray()[0];
    return {
      tail: tail ?? { seq: 0, hash: AUDIT_GENESIS },
      noted: sql.exec<Link & { at: string }>("SELECT seq, at, hash FROM audit_head").toArray()[0],
    };
  }

  #write(records: readonly AuditRecord[]): void {
    const { sql } = this.#storage;
    const last = records.at(-1);
    if (last === undefined) return;
    // What cannot be written is not followed: the rows are asked again.
    this.#head = undefined;
    this.#storage.transactionSync(() => {
      for (const r of records)
        sql.exec(
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
      sql.exec("INSERT OR REPLACE INTO audit_head (one, seq, at, hash) VALUES (1, ?, ?, ?)", last.seq, last.at, last.hash);
    });
    this.#head = { seq: last.seq, hash: last.hash };
  }
}
