/** A container engine that answers nobody until it is let to: what stands before its socket keeps what is asked. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";

export class SlowEngine implements AsyncDisposable {
  readonly #dir = mkdtempSync(path.join(tmpdir(), "mslow-"));
  readonly socket = path.join(this.#dir, "sock");
  readonly #asked = Promise.withResolvers<void>();
  readonly #goOn = Promise.withResolvers<void>();
  readonly #open = new Set<Socket>();
  readonly #server: Server;

  private constructor(engine: string) {
    // What an engine runs goes on after its input has ended.
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      this.#keep(client);
      client.pause();
      this.#asked.resolve();
      void this.#goOn.promise.then(() => {
        const there = this.#keep(connect({ path: engine, allowHalfOpen: true }));
        client.pipe(there).pipe(client);
      });
    });
  }

  /** @param engine its socket. */
  static async before(engine: string): Promise<SlowEngine> {
    const slow = new SlowEngine(engine);
    slow.#server.listen(slow.socket);
    await once(slow.#server, "listening");
    return slow;
  }

  /** Somebody waits for an answer. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  goOn(): void {
    this.#goOn.resolve();
  }

  #keep(socket: Socket): Socket {
    this.#open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#open.delete(socket));
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
