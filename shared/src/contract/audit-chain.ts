/**
 * The audit log's hash chain: what each record's hash is taken over, and how a reader finds an edit, a drop or
 * a reorder. The digest is handed in; server, CLI and tests agree by sharing this file.
 */
import type { AuditRecord } from "./resources.ts";

/** What stands before the first record. */
export const AUDIT_GENESIS = "0".repeat(64);

/** The text whose SHA-256 (of its UTF-8, in lower-case hex) is the record's hash. */
export function auditChainText(previousHash: string, record: Omit<AuditRecord, "hash">): string {
  const { seq, at, actor, credential, ip, action, target, outcome, code, requestId } = record;
  return `${previousHash}\n${JSON.stringify([seq, at, actor, credential, ip, action, target, outcome, code ?? null, requestId])}`;
}

export type AuditVerdict =
  | { intact: true; records: number; head: string }
  | { intact: false; seq: number; problem: "edited" | "missing" | "reordered" };

/**
 * @param records in the order they were read, from `from.seq + 1` on.
 * @param from where an earlier verification ended; default: the beginning.
 */
export async function verifyAuditChain(
  records: Iterable<AuditRecord> | AsyncIterable<AuditRecord>,
  sha256Hex: (text: string) => Promise<string>,
  from: { seq: number; hash: string } = { seq: 0, hash: AUDIT_GENESIS },
): Promise<AuditVerdict> {
  let { seq, hash } = from;
  let count = 0;
  for await (const record of records) {
    if (record.seq <= seq) return { intact: false, seq: record.seq, problem: "reordered" };
    if (record.seq !== seq + 1) return { intact: false, seq: seq + 1, problem: "missing" };
    if ((await sha256Hex(auditChainText(hash, record))) !== record.hash) return { intact: false, seq: record.seq, problem: "edited" };
    seq = record.seq;
    hash = record.hash;
    count++;
  }
  return { intact: true, records: count, head: hash };
}
