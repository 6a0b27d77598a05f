/** Many agents at once, written while the control plane is stopped: what is measured is not how they were made. */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeId } from "@maestro/shared/ids";
import type { TestHome } from "../support/home.ts";
import type { Enrolled } from "../support/simulated-hosts.ts";

/** So many on each host; answers their names. */
export function seedAgents(home: TestHome, hosts: readonly Pick<Enrolled, "id" | "name">[], each: number): string[] {
  const folder = join(home.path, "control-plane", "state", "d1", "miniflare-D1DatabaseObject");
  const file = readdirSync(folder).find((name) => name.endsWith(".sqlite") && name !== "metadata.sqlite");
  if (file === undefined) throw new Error(`no database in ${folder}`);
  const db = new DatabaseSync(join(folder, file));
  try {
    const insert = db.prepare(
      `insert into agents (id, fleet, name, type, host, workspace, priority, tags, env, args, created_ms, updated_ms)
       select ?, fleet, ?, 'shell', id, ?, 3, '[]', '{}', '[]', ?, ? from hosts where id = ?`,
    );
    db.exec("begin");
    const names = hosts.flatMap((host) =>
      Array.from({ length: each }, (_, n) => {
        const nowMs = Date.now();
        const name = `${host.name}-a${String(n).padStart(3, "0")}`;
        insert.run(makeId("agent", nowMs, randomBytes(10)), name, `/tmp/${name}`, nowMs, nowMs, host.id);
        return name;
      }),
    );
    db.exec("commit");
    return names;
  } finally {
    db.close();
  }
}
