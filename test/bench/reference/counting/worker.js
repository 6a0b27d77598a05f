// The product's own Worker, with every billed thing counted: requests to it and to its objects, messages that come in,
// alarms, rows. Bundled in place of the product's by `counted-build.ts`; the product knows nothing of it.
import { AsyncLocalStorage } from "node:async_hooks";
import product, * as objects from "../../../../control-plane/src/worker.ts";

export * from "../../../../control-plane/src/worker.ts";

const inside = new AsyncLocalStorage();
const fresh = () => ({ workerRequests: 0, objectRequests: 0, messages: 0, alarms: 0, rows: 0, d1Rows: 0, objectMs: 0, by: {}, statements: {} });
let counts = fresh();

function note(name, what, by = 1) {
  const key = `${name}.${what}`;
  counts.by[key] = (counts.by[key] ?? 0) + by;
}

for (const [name, value] of Object.entries(objects)) {
  if (typeof value !== "function" || value.prototype === undefined) continue;
  for (const method of Object.getOwnPropertyNames(value.prototype)) {
    const { value: original, ...rest } = Object.getOwnPropertyDescriptor(value.prototype, method) ?? {};
    if (method === "constructor" || typeof original !== "function") continue;
    const counted = function (...args) {
      patchStorage(this.ctx.storage);
      // A call of its own methods is no request.
      if (inside.getStore()?.object === this) return original.apply(this, args);
      if (method === "webSocketMessage") counts.messages++;
      else if (method === "alarm") counts.alarms++;
      else counts.objectRequests++;
      note(name, method);
      const startedMs = Date.now();
      const ended = () => void (counts.objectMs += Date.now() - startedMs);
      return inside.run({ object: this, name }, () => {
        const result = original.apply(this, args);
        if (typeof result?.then !== "function") return ended(), result;
        return result.then(
          (answer) => (ended(), answer),
          (error) => {
            ended();
            throw error;
          },
        );
      });
    };
    Object.defineProperty(value.prototype, method, { ...rest, value: counted });
  }
}

const wrote = (rows, statement) => {
  if (rows === 0) return;
  counts.rows += rows;
  const name = inside.getStore()?.name ?? "?";
  note(name, "rows", rows);
  const key = `${name}: ${statement.replace(/\s+/g, " ").trim().slice(0, 80)}`;
  counts.statements[key] = (counts.statements[key] ?? 0) + rows;
};
/** A cursor does not say whose it is. */
const statementOf = new WeakMap();

let patched = false;
/** On the prototypes, once for all objects of the isolate. */
function patchStorage(storage) {
  if (patched) return;
  patched = true;
  const sql = Object.getPrototypeOf(storage.sql);
  const { exec } = sql;
  let cursors = false;
  sql.exec = function (...args) {
    const cursor = exec.apply(this, args);
    if (!cursors) {
      cursors = true;
      const prototype = Object.getPrototypeOf(cursor);
      for (const method of ["toArray", "one", "next"]) {
        const original = prototype[method];
        prototype[method] = function (...given) {
          const before = this.rowsWritten;
          const result = original.apply(this, given);
          wrote(this.rowsWritten - before, statementOf.get(this) ?? "");
          return result;
        };
      }
    }
    statementOf.set(cursor, String(args[0]));
    wrote(cursor.rowsWritten, String(args[0]));
    return cursor;
  };
  const store = Object.getPrototypeOf(storage);
  for (const method of ["setAlarm", "deleteAlarm", "put", "delete"]) {
    const original = store[method];
    store[method] = function (...args) {
      wrote(1, method);
      note(inside.getStore()?.name ?? "?", method);
      return original.apply(this, args);
    };
  }
}

let patchedD1 = false;
function patchD1(db) {
  if (patchedD1) return;
  patchedD1 = true;
  const add = (result) => void (counts.d1Rows += result?.meta?.rows_written ?? 0);
  const statement = Object.getPrototypeOf(db.prepare("select 1"));
  for (const method of ["run", "all"]) {
    const original = statement[method];
    statement[method] = async function (...args) {
      const result = await original.apply(this, args);
      add(result);
      return result;
    };
  }
  const database = Object.getPrototypeOf(db);
  const { batch } = database;
  database.batch = async function (...args) {
    const results = await batch.apply(this, args);
    for (const result of results) add(result);
    return results;
  };
}

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/api/counts") {
      const told = counts;
      counts = fresh();
      return Response.json(told);
    }
    patchD1(env.DB);
    counts.workerRequests++;
    return product.fetch(request, env, ctx);
  },
};
