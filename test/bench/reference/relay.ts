/** The minimal relay as the gates drive it: starts server and host side, opens terminals and viewers. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import * as z from "zod";
import { within } from "../../support/wait.ts";

const Started = z.object({ port: z.int(), workerd: z.int().optional() });

export interface ReferenceTerminal extends AsyncDisposable {
  /** What came on the first viewer's socket, header taken off. */
  onOutput(listener: (payload: Uint8Array) => void): () => void;
  type(bytes: Uint8Array): void;
  /** One more viewer of the same terminal. */
  viewer(): Promise<ReferenceViewer>;
}
export interface ReferenceViewer extends Disposable {
  onOutput(listener: (payload: Uint8Array) => void): () => void;
  type(bytes: Uint8Array): void;
}

export class ReferenceRelay implements AsyncDisposable {
  readonly port: number;
  /** Process id of workerd, for its memory. */
  readonly workerd: number;
  readonly #server: ChildProcess;
  readonly #host: ChildProcess;
  #channel = 0;

  private constructor(server: ChildProcess, host: ChildProcess, started: z.infer<typeof Started>) {
    this.#server = server;
    this.#host = host;
    this.port = started.port;
    this.workerd = started.workerd ?? 0;
  }

  static async start(): Promise<ReferenceRelay> {
    const server = fork(file("./relay-server.ts"), { stdio: ["ignore", 2, 2, "ipc"] });
    const [message] = await within(30_000, "reference relay", once(server, "message"));
    const started = Started.parse(message);
    const host = fork(file("./relay-host.ts"), [String(started.port)], { stdio: ["ignore", 2, 2, "ipc"] });
    await within(10_000, "reference host", once(host, "message"));
    return new ReferenceRelay(server, host, started);
  }

  async open(argv: readonly string[], { cols = 80, rows = 24 } = {}): Promise<ReferenceTerminal> {
    const channel = ++this.#channel;
    const first = await this.#viewer(channel);
    const opened = once(this.#host, "message");
    this.#host.send({ open: channel, argv, cols, rows });
    await within(5_000, "reference terminal", opened);
    return {
      onOutput: first.onOutput,
      type: first.type,
      viewer: () => this.#viewer(channel),
      [Symbol.asyncDispose]: async () => {
        first[Symbol.dispose]();
        const exited = once(this.#host, "message");
        this.#host.send({ close: channel });
        await within(5_000, "reference terminal's end", exited);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.#host, this.#server]) {
      const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
      child.disconnect();
      await exited;
    }
  }

  async #viewer(channel: number): Promise<ReferenceViewer> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}/?channel=${channel}`, { perMessageDeflate: false });
    const listeners = new Set<(payload: Uint8Array) => void>();
    socket.on("message", (data: Buffer) => {
      for (const listener of listeners) listener(data.subarray(4));
    });
    socket.on("error", () => undefined);
    await within(5_000, "reference viewer", once(socket, "open"));
    return {
      onOutput: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      type: (bytes) => {
        const message = Buffer.alloc(4 + bytes.byteLength);
        message.writeUInt32BE(channel);
        message.set(bytes, 4);
        socket.send(message);
      },
      [Symbol.dispose]: () => socket.terminate(),
    };
  }
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
