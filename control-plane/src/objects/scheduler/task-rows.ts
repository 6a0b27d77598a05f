/** Tasks in SQLite: one row each, and one for every long result. */
import type { FinalState } from "@maestro/shared/contract/tasks";
import { stored, type HostState, type TaskCore } from "../../domain/tasks/model.ts";
import { isFinalStatus } from "../../domain/tasks/dependencies.ts";
import { overall } from "../../domain/tasks/status.ts";
import type { TaskSpec } from "../../domain/tasks/submission.ts";
import { LISTED_PROMPT_CHARS, type WholeTask } from "../../domain/tasks/views.ts";

export interface Work {
  spec: TaskSpec;
  prompt: string | null;
  /** Ciphertext by name, while it is open. */
  sealed: Record<string, string>;
  /** Of a task that is taken in: bytes, which are not kept in its row. */
  images?: readonly Uint8Array[] | undefined;
}

type CoreRow = { key: string; core: string };
type WholeRow = CoreRow & { spec: string; prompt: string | null };

/** Sorts after whatever a key begins with. */
const AFTER_KEYS = "~";

export class TaskRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insert(core: TaskCore, { spec, prompt, sealed }: Work): void {
    const ended = core.finishedMs !== undefined;
    this.#sql.exec(
      "INSERT INTO tasks (open, key, id, status, core, spec, sealed, prompt) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
      core.key,
      core.id,
      ended ? overall(core.targets) : null,
      JSON.stringify(stored(core)),
      JSON.stringify(spec),
      ended || Object.keys(sealed).length === 0 ? null : JSON.stringify(sealed),
      prompt,
    );
    if (core.id !== core.key) this.#sql.exec("INSERT INTO aliases (id, key) VALUES (?, ?)", core.id, core.key);
  }

  /** At its end its secrets go. One that is closed may still be charged for what goes on beneath it. */
  save(core: TaskCore): void {
    const json = JSON.stringify(stored(core));
    if (core.finishedMs === undefined) this.#sql.exec("UPDATE tasks SET core = ? WHERE open = 1 AND key = ?", json, core.key);
    else
      this.#sql.exec(
        "UPDATE tasks SET core = ?, status = ?, sealed = NULL WHERE key = ? AND open IN (0, 1)",
        json,
        overall(core.targets),
        core.key,
      );
  }

  /** Nothing is left to do about it. */
  close(key: string): void {
    this.#sql.exec("UPDATE tasks SET open = 0 WHERE open = 1 AND key = ?", key);
  }

  reopen(core: TaskCore): void {
    this.#sql.exec(
      "UPDATE tasks SET open = 1, status = NULL, core = ? WHERE key = ? AND open IN (0, 1)",
      JSON.stringify(stored(core)),
      core.key,
    );
  }

  *open(): Generator<TaskCore> {
    for (const { core } of this.#sql.exec<CoreRow>("SELECT key, core FROM tasks WHERE open = 1")) yield parse(core);
  }

  core(key: string): TaskCore | undefined {
    const row = this.#sql.exec<CoreRow>("SELECT key, core FROM tasks WHERE open IN (0, 1) AND key = ?", key).toArray()[0];
    return row === undefined ? undefined : parse(row.core);
  }

  /** How many ended how. */
  counts(): Map<FinalState, number> {
    const rows = this.#sql
      .exec<{ status: string | null; count: number }>(
        "SELECT status, count(*) AS count FROM tasks WHERE open IN (0, 1) AND status IS NOT NULL GROUP BY status",
      )
      .toArray();
    return new Map(rows.flatMap(({ status, count }) => (status !== null && isFinalStatus(status) ? [[status, count] as const] : [])));
  }

  /** Of an attempt, whose id begins as the key of its task does. */
  keyBeginning(prefix: string): string | undefined {
    return this.keysFrom(prefix, 1)[0];
  }

  keysFrom(prefix: string, limit: number): string[] {
    return this.#sql
      .exec<{ key: string }>(
        "SELECT key FROM tasks WHERE open IN (0, 1) AND key >= ? AND key < ? LIMIT ?",
        prefix,
        `${prefix}${AFTER_KEYS}`,
        limit,
      )
      .toArray()
      .map(({ key }) => key);
  }

  alias(id: string): string | undefined {
    return this.#sql.exec<{ key: string }>("SELECT key FROM aliases WHERE id = ?", id).toArray()[0]?.key;
  }

  /** No task is called so, and the key of none begins so. */
  isFree(id: string, prefix: string): boolean {
    return (
      this.#sql
        .exec(
          "SELECT 1 FROM tasks WHERE open IN (0, 1) AND key >= ? AND key < ? UNION ALL SELECT 1 FROM aliases WHERE id = ? LIMIT 1",
          prefix,
          `${prefix}${AFTER_KEYS}`,
          id,
        )
        .next().done === true
    );
  }

  aliasesFrom(prefix: string, limit: number): { id: string; key: string }[] {
    return this.#sql
      .exec<{ id: string; key: string }>(
        "SELECT id, key FROM aliases WHERE id >= ? AND id < ? LIMIT ?",
        prefix,
        `${prefix}${AFTER_KEYS}`,
        limit,
      )
      .toArray();
  }

  work(key: string): Work | undefined {
    const row = this.#sql
      .exec<{ spec: string; prompt: string | null; sealed: string | null }>(
        "SELECT spec, prompt, sealed FROM tasks WHERE open = 1 AND key = ?",
        key,
      )
      .toArray()[0];
    if (row === undefined) return undefined;
    const spec: TaskSpec = JSON.parse(row.spec);
    const sealed: Record<string, string> = row.sealed === null ? {} : JSON.parse(row.sealed);
    return { spec, prompt: row.prompt, sealed };
  }

  whole(key: string): WholeTask | undefined {
    const row = this.#sql.exec<WholeRow>("SELECT key, core, spec, prompt FROM tasks WHERE open IN (0, 1) AND key = ?", key).toArray()[0];
    return row === undefined ? undefined : this.#whole(row);
  }

  /** A stretch of those before this key, newest first; prompts are cut short. */
  before(key: string, open: 0 | 1, limit: number): WholeTask[] {
    return this.#sql
      .exec<WholeRow>(
        `SELECT key, core, spec, substr(prompt, 1, ${LISTED_PROMPT_CHARS}) AS prompt FROM tasks WHERE open = ? AND key < ? ORDER BY key DESC LIMIT ?`,
        open,
        key,
        limit,
      )
      .toArray()
      .map((row) => this.#whole(row));
  }

  /** Closed ones after this key, oldest first. */
  *oldest(limit: number, after = ""): Generator<TaskCore> {
    const rows = this.#sql
      .exec<CoreRow>("SELECT key, core FROM tasks WHERE open = 0 AND key > ? ORDER BY key LIMIT ?", after, limit)
      .toArray();
    for (const { core } of rows) yield parse(core);
  }

  delete({ key, id, targets }: TaskCore): void {
    this.#sql.exec("DELETE FROM tasks WHERE open = 0 AND key = ?", key);
    if (id !== key) this.#sql.exec("DELETE FROM aliases WHERE id = ?", id);
    for (const { id: attempt } of targets.flatMap(({ past }) => past)) {
      this.#sql.exec("DELETE FROM results WHERE attempt = ?", attempt);
      this.#sql.exec("DELETE FROM evidence WHERE attempt = ?", attempt);
    }
  }

  keepResult(attempt: string, text: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO results (attempt, text) VALUES (?, ?)", attempt, text);
  }

  result(attempt: string): string | undefined {
    return this.#sql.exec<{ text: string }>("SELECT text FROM results WHERE attempt = ?", attempt).toArray()[0]?.text;
  }

  /** The first one of an attempt is enough to look into it. */
  keepEvidence(attempt: string, host: string, atMs: number, report: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO evidence (attempt, host, at_ms, report) VALUES (?, ?, ?, ?)", attempt, host, atMs, report);
  }

  hosts(): HostState[] {
    return this.#sql
      .exec<{ json: string }>("SELECT json FROM hosts")
      .toArray()
      .map(({ json }) => {
        const host: HostState = JSON.parse(json);
        return host;
      });
  }

  saveHost(host: HostState): void {
    this.#sql.exec("INSERT OR REPLACE INTO hosts (id, json) VALUES (?, ?)", host.id, JSON.stringify(host));
  }

  forgetHost(id: string): void {
    this.#sql.exec("DELETE FROM hosts WHERE id = ?", id);
  }

  fact(name: string): number {
    return this.#sql.exec<{ value: number }>("SELECT value FROM facts WHERE name = ?", name).toArray()[0]?.value ?? 0;
  }

  setFact(name: string, value: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", name, value);
  }

  #whole({ core, spec, prompt }: WholeRow): WholeTask {
    const task = parse(core);
    const read: TaskSpec = JSON.parse(spec);
    return { core: task, spec: read, prompt, results: this.#results(task) };
  }

  #results({ targets }: TaskCore): Map<string, string> {
    const results = new Map<string, string>();
    for (const { past, phase } of targets) {
      const last = phase.at === "ended" ? past.at(-1) : undefined;
      if (last === undefined || last.result !== undefined) continue;
      const text = this.result(last.id);
      if (text !== undefined) results.set(last.id, text);
    }
    return results;
  }
}

function parse(json: string): TaskCore {
  const core: TaskCore = JSON.parse(json);
  return core;
}
