/** The holder's socket: 0600 in a 0700 directory, one connection per client. */
import { chmodSync, unlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Clock } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { HolderCore } from "./holder-core.ts";
import type { SessionsEvent } from "./types.ts";

/** Sessions told per message, so that none comes near the limit. */
const TOLD_AT_ONCE = 100;

export class HolderServer {
  readonly #server: Server;
  readonly #path: string;
  readonly #connections = new Set<Connection>();
  readonly #idle: (connections: number) => void;

  /** @param changed called with the number of connections whenever it changes. */
  constructor(path: string, core: HolderCore, clock: Clock, changed: (connections: number) => void) {
    this.#path = path;
    this.#idle = changed;
    this.#server = createServer((socket) => {
      this.#connections.add(
        new Connection(socket, core, clock, (connection) => {
          this.#connections.delete(connection);
          this.#idle(this.#connections.size);
        }),
      );
      this.#idle(this.#connections.size);
    });
    // No descriptor left for a new client: those that are connected go on.
    this.#server.on("error", (cause) => core.report("the socket failed", cause));
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Only the owner of the lock may call it: a socket file that is there is stale. */
  listen(): Promise<void> {
    try {
      unlinkSync(this.#path);
    } catch {
      // There was none.
    }
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#path, () => {
        this.#server.off("error", reject);
        chmodSync(this.#path, 0o600);
        resolve();
      });
    });
  }

  tell(event: SessionsEvent): void {
    const pages = Math.max(1, Math.ceil(event.upsert.length / TOLD_AT_ONCE));
    for (let page = 0; page < pages; page++) {
      const upsert = event.upsert.slice(page * TOLD_AT_ONCE, (page + 1) * TOLD_AT_ONCE);
      for (const connection of this.#connections) {
        if (connection.greeted) connection.tell({ t: "sessions", upsert: [...upsert], removed: page === 0 ? [...event.removed] : [] });
      }
    }
  }

  close(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
