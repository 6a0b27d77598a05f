/** Puts rows into every table of a database that is only known by its schema, parents first. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";

const ROWS = 3;

interface Column {
  name: string;
  type: string;
}

/** Throws when a table cannot be filled by its types alone; then this file has to learn what that table wants. */
export function seed(database: DatabaseSync): void {
  const done = new Set<string>();
  const waiting = tables(database);
  while (waiting.length > 0) {
    const index = waiting.findIndex((table) => parentsOf(database, table).every(({ parent }) => parent === table || done.has(parent)));
    const [table] = waiting.splice(Math.max(index, 0), 1);
    if (table === undefined) return;
    for (let row = 0; row < ROWS; row++) insert(database, table, row);
    done.add(table);
  }
}

export function rowCounts(database: DatabaseSync): Map<string, number> {
  return new Map(
    tables(database).map((table) => [table, Number(database.prepare(`SELECT count(*) AS n FROM "${table}"`).get()?.["n"] ?? 0)]),
  );
}

function tables(database: DatabaseSync): string[] {
  const rows = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").all();
  return rows.map((row) => String(row["name"]));
}

function parentsOf(database: DatabaseSync, table: string): { parent: string; from: string; to: string }[] {
  return database
    .prepare(`PRAGMA foreign_key_list("${table}")`)
    .all()
    .map((row) => ({ parent: String(row["table"]), from: String(row["from"]), to: String(row["to"]) }));
}

function insert(database: DatabaseSync, table: string, row: number): void {
  const columns: Column[] = database
    .prepare(`PRAGMA table_info("${table}")`)
    .all()
    .map((column) => ({ name: String(column["name"]), type: String(column["type"]).toUpperCase() }));
  const parents = new Map(parentsOf(database, table).map(({ from, parent, to }) => [from, { parent, to }]));
  const values = columns.map(({ name, type }): SQLInputValue => {
    const reference = parents.get(name);
    if (reference === undefined || reference.parent === table) return reference === undefined ? sample(type, table, name, row) : null;
    const found = database.prepare(`SELECT "${reference.to}" AS v FROM "${reference.parent}" LIMIT 1 OFFSET ${row}`).get()?.["v"];
    return found ?? null;
  });
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  // Run again after every migration: what an earlier round put there stays.
  database.prepare(`INSERT OR IGNORE INTO "${table}" (${names}) VALUES (${columns.map(() => "?").join(", ")})`).run(...values);
}

function sample(type: string, table: string, name: string, row: number): SQLInputValue {
  if (type.includes("INT")) return row + 1;
  if (type.includes("REAL") || type.includes("NUM")) return row + 0.5;
  if (type.includes("BLOB")) return Uint8Array.of(row);
  return `${table}-${name}-${row}`;
}
