/** Shared state and secrets in the storage of an object: versions, lifetimes, limits, and what each costs. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { StateChange } from "@maestro/shared/contract/state";
import { migrateState } from "../../control-plane/src/objects/scheduler/state-schema.ts";
import { SecretStore } from "../../control-plane/src/objects/scheduler/secret-store.ts";
import { StateStore } from "../../control-plane/src/objects/scheduler/state-store.ts";

const HOUR_MS = 3_600_000;

interface Here {
  store: StateStore;
  secrets: SecretStore;
  changes: StateChange[];
  rows: (act: () => void) => number;
}

/** @param maxKeys a small bound, where that is what is tested. */
function inside<T>(look: (here: Here) => T, maxKeys?: number): Promise<T> {
  return runInDurableObject(env.SCHEDULER.getByName("flt_store"), (_scheduler, { storage }) => {
    migrateState(storage);
    const changes: StateChange[] = [];
    let written = 0;
    const sql = new Proxy(storage.sql, {
      get: (target, name) =>
        name !== "exec"
          ? Reflect.get(target, name)
          : (...args: Parameters<SqlStorage["exec"]>) => {
              const cursor = target.exec(...args);
              written += cursor.rowsWritten;
              return cursor;
            },
    });
    const rows = (act: () => void): number => {
      const before = written;
      act();
      return written - before;
    };
    return look({ store: new StateStore(sql, (change) => changes.push(change), maxKeys), secrets: new SecretStore(sql, 2), changes, rows });
  });
}

const set = (key: string, value = "v", more: object = {}) => ({ key, value, ttlS: 3600, by: "ada", ...more });
const version = (result: ReturnType<StateStore["put"]>): number | string => (result.ok ? result.value.version : result.error.code);

describe("shared state", () => {
  test("an entry is versioned, says who wrote it and when it is over", () =>
    inside(({ store, changes }) => {
      expect(store.put(set("k", "äb"), 1000)).toEqual({
        ok: true,
        value: {
          key: "k",
          version: 1,
          bytes: 3,
          updatedAt: "1970-01-01T00:00:01.000Z",
          updatedBy: "ada",
          expiresAt: "1970-01-01T01:00:01.000Z",
        },
      });
      expect(version(store.put(set("k", "c", { ttlS: undefined }), 2000))).toBe(2);
      expect(store.get("k", 2000)).toMatchObject({ ok: true, value: { value: "c", version: 2 } });
      expect(store.get("k", 1e15)).toMatchObject({ ok: true });
      expect(store.delete("k", undefined, 3000)).toMatchObject({ ok: true });
      expect(store.get("k", 3000)).toMatchObject({ ok: false, error: { code: "key_not_found", field: "key" } });
      expect(store.delete("k", undefined, 3000)).toMatchObject({ ok: false, error: { code: "key_not_found" } });
      expect(changes).toEqual([
        { key: "k", version: 1, op: "set", value: "äb" },
        { key: "k", version: 2, op: "set", value: "c" },
        { key: "k", version: 2, op: "delete" },
      ]);
    }));

  test("compare-and-set: the version that was read, or none", () =>
    inside(({ store }) => {
      expect(version(store.put(set("k", "a", { ifVersion: 1 }), 0))).toBe("version_conflict");
      expect(version(store.put(set("k", "a", { ifVersion: 0 }), 0))).toBe(1);
      expect(version(store.put(set("k", "b", { ifVersion: 0 }), 0))).toBe("version_conflict");
      expect(version(store.put(set("k", "b", { ifVersion: 1 }), 0))).toBe(2);
      expect(version(store.put(set("k", "c", { ifVersion: 1 }), 0))).toBe("version_conflict");
      expect(store.delete("k", 1, 0)).toMatchObject({ ok: false, error: { code: "version_conflict", extra: { version: 2 } } });
      expect(store.delete("k", 2, 0)).toMatchObject({ ok: true });
    }));

  test("a key that comes again fits no version it had before, whether it was deleted or its time was over", () =>
    inside(({ store }) => {
      for (let i = 0; i < 3; i++) store.put(set("k"), 0);
      store.delete("k", undefined, 0);
      expect(version(store.put(set("k", "new", { ifVersion: 3 }), 0))).toBe("version_conflict");
      expect(version(store.put(set("k", "new", { ifVersion: 0 }), 0))).toBe(4);
      expect(version(store.put(set("k", "newer", { ifVersion: 0 }), HOUR_MS))).toBe(5);
      store.flush(HOUR_MS);
      expect(version(store.put(set("k"), HOUR_MS))).toBe(6);
      expect(version(store.put(set("other"), HOUR_MS))).toBe(6);
    }));

  test("what is over is gone before it is deleted, and then it is deleted and told", () =>
    inside(({ store, changes }) => {
      store.put(set("short", "v", { ttlS: 1 }), 0);
      store.put(set("long", "v", { ttlS: 2 }), 0);
      store.put(set("ever", "v", { ttlS: undefined }), 0);
      expect(store.nextDueMs()).toBe(1000);
      expect(store.get("short", 999)).toMatchObject({ ok: true });
      expect(store.get("short", 1000)).toMatchObject({ ok: false });
      expect(store.list("", 10, undefined, 1000).items.map(({ key }) => key)).toEqual(["ever", "long"]);
      store.expire(1000);
      expect(store.nextDueMs()).toBe(2000);
      store.expire(5000);
      expect(store.nextDueMs()).toBeUndefined();
      expect(changes.slice(3)).toEqual([
        { key: "short", version: 1, op: "expire" },
        { key: "long", version: 1, op: "expire" },
      ]);
      expect(store.flush(5000)).toBe(1);
    }));

  test("lists by prefix in pages, without values", () =>
    inside(({ store }) => {
      for (const key of ["a", "task:1:x", "task:1:y", "task:10:x", "task:2:x", "z"]) store.put(set(key), 0);
      expect(store.list("task:1:", 10, undefined, 0).items.map(({ key }) => key)).toEqual(["task:1:x", "task:1:y"]);
      const first = store.list("task:", 2, undefined, 0);
      expect(first).toMatchObject({ items: [{ key: "task:10:x" }, { key: "task:1:x" }], next: "task:1:x" });
      expect(first.items[0]).not.toHaveProperty("value");
      expect(store.list("task:", 2, "task:1:x", 0)).toEqual({
        items: [expect.objectContaining({ key: "task:1:y" }), expect.objectContaining({ key: "task:2:x" })],
      });
    }));

  test("pages are full of what is within reach, however much lies between; none says where what is beyond it begins", () =>
    inside(({ store }) => {
      for (let i = 0; i < 30; i++) store.put(set(`task:${String(i).padStart(2, "0")}:x`), 0);
      for (const key of ["a", "b", "z1", "z2", "z3"]) store.put(set(key), 0);
      const sees = (key: string): boolean => !key.startsWith("task:") || key === "task:17:x";
      const page = (after?: string) => {
        const { items, next } = store.list("", 2, after, 0, sees);
        return [items.map(({ key }) => key), next];
      };
      expect(page()).toEqual([["a", "b"], "b"]);
      expect(page("b")).toEqual([["task:17:x", "z1"], "z1"]);
      expect(page("z1")).toEqual([["z2", "z3"], undefined]);
      for (let i = 0; i < 6_000; i++) store.put(set(`y:${String(i).padStart(4, "0")}`), 0);
      expect(store.list("y:", 100, undefined, 0, () => false)).toEqual({ items: [] });
      expect(store.list("y:", 100, undefined, 0, (key) => key > "y:5998").items).toMatchObject([{ key: "y:5999" }]);
    }));

  test("is full at its bound, where what is over makes room and what is there may change", () =>
    inside(({ store }) => {
      store.put(set("a", "v", { ttlS: 1 }), 0);
      store.put(set("b"), 0);
      expect(version(store.put(set("c"), 0))).toBe("state_full");
      expect(version(store.put(set("b"), 0))).toBe(2);
      expect(version(store.put(set("c"), 1000))).toBe(2);
      store.delete("b", undefined, 1000);
      expect(version(store.put(set("d"), 1000))).toBe(3);
      expect(version(store.put(set("e"), 1000))).toBe("state_full");
    }, 2));

  test("a set costs two rows, the first time and again, with another lifetime or none", () =>
    inside(({ store, rows }) => {
      expect(rows(() => store.put(set("k"), 0))).toBe(2);
      expect(rows(() => store.put(set("k", "w"), 1000))).toBeLessThanOrEqual(2);
      expect(rows(() => store.put(set("k", "x", { ttlS: undefined }), 2000))).toBeLessThanOrEqual(2);
      expect(rows(() => store.put(set("k", "y"), 3000))).toBeLessThanOrEqual(2);
    }));
});

describe("secrets", () => {
  test("only names come out; a start gets the ciphertext", () =>
    inside(({ secrets }) => {
      expect(secrets.put("B", "f.x.y", "ada", 1000)).toEqual({
        ok: true,
        value: { name: "B", createdAt: "1970-01-01T00:00:01.000Z", updatedAt: "1970-01-01T00:00:01.000Z", updatedBy: "ada" },
      });
      expect(secrets.put("A", "f.1.2", "bob", 2000)).toMatchObject({ ok: true });
      expect(secrets.put("C", "f.1.2", "bob", 2000)).toMatchObject({ ok: false, error: { code: "secret_limit", field: "name" } });
      expect(secrets.put("B", "f.z.z", "bob", 3000)).toMatchObject({
        ok: true,
        value: { createdAt: "1970-01-01T00:00:01.000Z", updatedAt: "1970-01-01T00:00:03.000Z", updatedBy: "bob" },
      });
      expect(secrets.list().map(({ name }) => name)).toEqual(["A", "B"]);
      expect(JSON.stringify(secrets.list())).not.toContain("f.");
      expect(secrets.ciphertext("B")).toBe("f.z.z");
      expect(secrets.delete("B")).toMatchObject({ ok: true });
      expect(secrets.delete("B")).toMatchObject({ ok: false, error: { code: "secret_not_found" } });
      expect(secrets.ciphertext("B")).toBeUndefined();
    }));
});
