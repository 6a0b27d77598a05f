import { expect, test } from "vitest";
import { lockfileProblems } from "./lockfile.ts";
import { lostRows, migrationProblems, type Migration } from "./migrations.ts";

const migrations = (...sql: string[]): Migration[] => sql.map((text, index) => ({ name: `000${index}.sql`, sql: text }));
const PARENT =
  "CREATE TABLE `fleets` (`id` text PRIMARY KEY NOT NULL);\n--> statement-breakpoint\nCREATE TABLE `hosts` (`id` text PRIMARY KEY NOT NULL, `fleet` text NOT NULL REFERENCES `fleets`(`id`) ON DELETE CASCADE, `n` integer NOT NULL);";

test("a migration that only adds is safe", () => {
  const safe = migrations(PARENT, "ALTER TABLE `hosts` ADD `label` text;");
  expect(migrationProblems(safe)).toEqual([]);
  expect(lostRows(safe)).toEqual([]);
});

test("dropping a table that others reference is refused", () => {
  expect(migrationProblems(migrations(PARENT, "DROP TABLE `fleets`;"))).toEqual(["0001.sql: drops 'fleets', which other tables reference"]);
});

test("switching foreign keys off is refused, because D1 ignores it", () => {
  expect(migrationProblems(migrations("PRAGMA foreign_keys=OFF;"))).toHaveLength(1);
});

test("a migration that loses rows is found by running it", () => {
  expect(lostRows(migrations(PARENT, "DELETE FROM `hosts` WHERE n > 1;"))).toEqual(["0001.sql: 'hosts' had 3 rows and keeps 1"]);
  expect(lostRows(migrations(PARENT, "DROP TABLE `hosts`;"))).toEqual(["0001.sql: 'hosts' and its rows are gone"]);
});

test("a lockfile that names hosts, repositories or no hash is refused", () => {
  const lock = [
    "packages:",
    "  a@1.0.0:",
    "    resolution: {integrity: sha512-abc==}",
    "  b@1.0.0:",
    "    resolution: {integrity: sha512-abc==, tarball: https://registry.example/b.tgz}",
    "  c@1.0.0:",
    "    resolution: {commit: abc, repo: git+ssh://git@host/c.git, type: git}",
    "  d@1.0.0:",
    "    resolution: {integrity: sha1-abc=}",
    "    deprecated: see https://example.com",
  ].join("\n");
  expect(lockfileProblems(lock).map(({ line, why }) => [line, why])).toEqual([
    [5, "names a host to fetch from"],
    [7, "is fetched from a repository"],
    [9, "has no sha512"],
  ]);
});
