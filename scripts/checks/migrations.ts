/**
 * Migrations only go forward and lose nothing: the schema has no drift from them, no parent table is
 * dropped (D1 keeps foreign keys enforced, so that would fail or cascade), and every one of them is
 * applied to a database that has rows in every table.
 */
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { failed, passed, type Step, type StepOutcome } from "../steps.ts";
import { ROOT, runCommand } from "../command.ts";
import { rowCounts, seed } from "./seed-database.ts";

const FOLDER = "migrations";
const SCHEMA = "control-plane/src/db/schema.ts";

export interface Migration {
  name: string;
  sql: string;
}

export const migrationSteps: Step[] = [
  { name: "schema drift", run: noDrift },
  {
    name: "migrations",
    run: async () => {
      const migrations = await readMigrations(join(ROOT, FOLDER));
      const problems = [...migrationProblems(migrations), ...lostRows(migrations)];
      return problems.length === 0 ? passed(`${migrations.length} applied to a seeded database`) : failed(problems.join("\n"));
    },
  },
];

export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(join(folder, name), "utf8") })));
}

/** What can be seen without running anything. */
export function migrationProblems(migrations: readonly Migration[]): string[] {
  const parents = new Set(
    migrations.flatMap(({ sql }) => [...sql.matchAll(/REFERENCES\s+[`"[]?(\w+)/gi)].flatMap(([, table]) => table ?? [])),
  );
  return migrations.flatMap(({ name, sql }) => {
    const dropped = [...sql.matchAll(/DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?[`"[]?(\w+)/gi)].flatMap(([, table]) => table ?? []);
    const unsafe = dropped.filter((table) => parents.has(table)).map((table) => `${name}: drops '${table}', which other tables reference`);
    const pragma = /PRAGMA\s+foreign_keys\s*=\s*(off|0)/i.test(sql) ? [`${name}: switches foreign keys off, which D1 ignores`] : [];
    return [...unsafe, ...pragma];
  });
}

/** Applies them one by one, with rows in every table in between; a table with fewer rows afterwards is a problem. */
export function lostRows(migrations: readonly Migration[]): string[] {
  const database = new DatabaseSync(":memory:");
  try {
    return migrations.flatMap(({ name, sql }) => {
      const before = rowCounts(database);
      database.exec(`BEGIN; PRAGMA defer_foreign_keys = ON; ${sql.replaceAll("--> statement-breakpoint", "")}; COMMIT`);
      const after = rowCounts(database);
      const lost = [...before].flatMap(([table, rows]) => {
        const kept = after.get(table);
        if (kept === undefined) return rows === 0 ? [] : [`${name}: '${table}' and its rows are gone`];
        return kept < rows ? [`${name}: '${table}' had ${rows} rows and keeps ${kept}`] : [];
      });
      seed(database);
      return lost;
    });
  } finally {
    database.close();
  }
}

async function noDrift(): Promise<StepOutcome> {
  // Relative to the root: drizzle-kit joins its output folder to the working directory.
  const copy = await mkdtemp(join(tmpdir(), "maestro-drift-"));
  try {
    await cp(join(ROOT, FOLDER), copy, { recursive: true });
    const before = await readMigrations(copy);
    const argv = ["drizzle-kit", "generate", "--dialect", "sqlite", "--schema", SCHEMA, "--out", copy, "--name", "drift"] as const;
    const { code, output } = await runCommand(argv, { timeoutMs: 120_000 });
    if (code !== 0) return failed(output);
    const known = new Set(before.map(({ name }) => name));
    const drift = (await readMigrations(copy)).filter(({ name }) => !known.has(name));
    if (drift.length === 0) return passed();
    return failed(
      `${SCHEMA} says more than ${FOLDER}/ does. Generate and review a migration; it would read:\n${drift.map(({ sql }) => sql).join("\n")}`,
    );
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
