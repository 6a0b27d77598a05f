/** D1 migrations, forward-only, recorded as wrangler records them, so that either may apply the next one. */
import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";

export interface Migration {
  /** The file's name, as in wrangler's table. */
  name: string;
  statements: readonly string[];
}

/** Between statements, written by drizzle-kit. */
const BREAKPOINT = "--> statement-breakpoint";

export function readMigrations(dir: string): Migration[] {
  const names = readdirSync(dir)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  return names.map((name) => ({ name, statements: splitStatements(readFileSync(path.join(dir, name), "utf8")) }));
}

export const splitStatements = (text: string): string[] =>
  text
    .split(BREAKPOINT)
    .map((part) => part.trim())
    .filter((part) => part !== "");

/**
 * In order. A recorded name this version does not know belongs to a newer one, and is no hindrance: migrations only add,
 * so that one version back works on the same state (F15).
 */
export function pendingMigrations(all: readonly Migration[], applied: readonly string[]): Migration[] {
  const done = new Set(applied);
  return all.filter(({ name }) => !done.has(name));
}

/**
 * A Worker that only migrates: GET tells the recorded names, POST applies one migration and records it, in one
 * transaction. It runs before the real Worker is reachable, so no request meets a half-made schema.
 */
export const MIGRATOR = `
const TABLE = "CREATE TABLE IF NOT EXISTS d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)";
export default {
  async fetch(request, env) {
    try {
      await env.DB.prepare(TABLE).run();
      if (request.method === "GET") {
        const { results } = await env.DB.prepare("SELECT name FROM d1_migrations ORDER BY id").all();
        return Response.json(results.map(({ name }) => name));
      }
      const { name, statements } = await request.json();
      await env.DB.batch([...statements.map((sql) => env.DB.prepare(sql)), env.DB.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name)]);
      return new Response(null, { status: 204 });
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
};
`;
