import { describe, expect, it } from "vitest";
import { noteStatement, Remembered } from "./remembered.ts";

/** Each test has a time of its own: what is noted stays noted. */
let clock = 1_000_000;
const start = (): number => (clock += 1_000_000);

describe("rows that are asked for again", () => {
  it("are kept for a second, and a second more while one reads them anew, whatever else is read", () => {
    const t = start();
    const rows = new Remembered<{ name: string }>("hosts");
    rows.set("a", { name: "builder" }, t);
    noteStatement('select "id" from "hosts"', t + 1);
    expect(rows.get("a", t + 999)).toEqual({ name: "builder" });
    expect(rows.get("b", t + 999)).toBeUndefined();
    // One reads it anew, for all who ask meanwhile; if that one fails, all do.
    expect(rows.get("a", t + 1_000)).toBeUndefined();
    expect(rows.get("a", t + 1_999)).toEqual({ name: "builder" });
    expect(rows.get("a", t + 2_000)).toBeUndefined();
    expect(rows.get("a", t + 1_999)).toBeUndefined();
    // A clock that was set back does not make it younger.
    rows.set("a", { name: "builder" }, t);
    expect(rows.get("a", t - 1)).toBeUndefined();
  });

  it.each([
    'update "hosts" set "draining" = ? where "hosts"."id" = ?',
    'insert into "hosts" ("id") values (?)',
    'delete from "hosts" where "hosts"."id" = ?',
    "DELETE FROM hosts",
    "drop table hosts",
    "ALTER TABLE hosts RENAME TO hosts_away",
  ])("are read anew while this may be going on: %s", (sql) => {
    const t = start();
    const rows = new Remembered<number>("agents", "hosts");
    rows.set("a", 1, t);
    noteStatement(sql, t);
    expect(rows.get("a", t)).toBeUndefined();
    // Read while it was written: it may be as it was before.
    rows.set("a", 1, t + 4_999);
    expect(rows.get("a", t + 5_001)).toBeUndefined();
    rows.set("a", 2, t + 5_000);
    expect(rows.get("a", t + 5_001)).toBe(2);
  });

  it("stay what they are when other tables are written to, or only a use is noted", () => {
    const t = start();
    const rows = new Remembered<number>("tokens");
    rows.set("a", 1, t);
    noteStatement('insert into "idempotency" ("key") values (?)', t + 1);
    noteStatement('update "tokens" set "last_used_ms" = ? where "tokens"."id" = ?', t + 1);
    expect(rows.get("a", t + 2)).toBe(1);
    noteStatement('update "tokens" set "revoked_ms" = ? where "tokens"."id" = ?', t + 2);
    expect(rows.get("a", t + 2)).toBeUndefined();
  });

  it("are bounded", () => {
    const t = start();
    const rows = new Remembered<number>("tokens");
    for (let n = 0; n < 5_001; n++) rows.set(String(n), n, t);
    expect(rows.get("0", t)).toBeUndefined();
    expect(rows.get("5000", t)).toBe(5_000);
  });
});
