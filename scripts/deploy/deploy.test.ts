import { expect, test } from "vitest";
import { withDatabase } from "./config.ts";
import { jsonIn, textFields } from "./wrangler.ts";

test("the account's database is filled in beside its name, and nothing else changes", () => {
  const toml = '[[d1_databases]]\nbinding = "DB"\ndatabase_name = "maestro"\nmigrations_dir = "migrations"\n';
  expect(withDatabase(toml, "0f-1")).toBe(toml.replace('"maestro"\n', '"maestro"\ndatabase_id = "0f-1"\n'));
});

test("a configuration without that database is refused in words", () => {
  expect(() => withDatabase("[vars]\n", "x")).toThrow(/database_name = "maestro"/);
});

test("the JSON of a command is found between its other lines", () => {
  expect(jsonIn('\n⛅️ wrangler\n[{"name":"maestro","uuid":"u"}]\ndone')).toEqual([{ name: "maestro", uuid: "u" }]);
  expect(jsonIn("nothing here")).toBeUndefined();
  expect(jsonIn("half [ of it")).toBeUndefined();
});

test("only text fields are read from a list", () => {
  expect(textFields([{ name: "a", uuid: 7 }, null, "x"], "name", "uuid")).toEqual([{ name: "a" }, {}, {}]);
  expect(textFields({ name: "a" }, "name")).toEqual([]);
});
