// The least a queue can do: one object, one table, one index. No access, no dependencies, no attempts, no ends.
import { DurableObject } from "cloudflare:workers";

export class Queue extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, body TEXT NOT NULL, host TEXT)");
    this.sql.exec("CREATE INDEX IF NOT EXISTS waiting ON tasks (id) WHERE host IS NULL");
  }

  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/enqueue") return Response.json({ id: this.insert(await request.text()) }, { status: 201 });
    if (pathname === "/batch") {
      const bodies = await request.json();
      return Response.json({ ids: this.ctx.storage.transactionSync(() => bodies.map((body) => this.insert(JSON.stringify(body)))) }, { status: 201 });
    }
    const { host } = await request.json();
    const [task] = this.sql.exec(
      "UPDATE tasks SET host = ? WHERE id = (SELECT id FROM tasks WHERE host IS NULL ORDER BY id LIMIT 1) RETURNING id, body",
      host,
    );
    return Response.json(task ?? {});
  }

  insert(body) {
    return this.sql.exec("INSERT INTO tasks (body) VALUES (?) RETURNING id", body).one().id;
  }
}

export default {
  fetch(request, env) {
    return env.QUEUE.get(env.QUEUE.idFromName("queue")).fetch(request);
  },
};
