/**
 * A TCP proxy on loopback that misbehaves on purpose and repeatably: latency, bandwidth, cuts at an exact
 * byte, resets, one-way silence. Bytes that pass are never altered, lost or doubled; only a cut loses what
 * had not passed. `up` is from the connecting side to the target, `down` the way back.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { faultScript, type Fault, type FaultScript, type FaultStep, type ScriptOptions } from "./fault-script.ts";
import { Lane, type Cut, type Direction, type Shape, type Transform } from "./chaos-lane.ts";
import { Signal, until } from "./wait.ts";

export type { Cut, Direction } from "./chaos-lane.ts";

export interface ChaosOptions {
  target: { host?: string; port: number };
  /** Sits in every new connection, one per direction; `ws-tap.ts` uses it. */
  transform?: (direction: Direction) => Transform;
  /** Where the seed and each fault are told; silence it with a no-op. */
  log?: (line: string) => void;
}

interface Connection {
  client: Socket;
  upstream: Socket;
  lanes: Record<Direction, Lane>;
}

const MAX_ACCEPTED_KEPT = 1_000;

export class ChaosProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #transform: ((direction: Direction) => Transform) | undefined;
  readonly #log: (line: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #shape: Shape = { latencyMs: 0, bytesPerSecond: Infinity, silent: { up: false, down: false } };
  readonly #changed = new Signal();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #nextCuts: Cut[] = [];
  #script: { direction: Direction; steps: FaultStep[]; from: number } | undefined;
  /** Connections ever accepted, and how many of them the proxy cut. */
  accepted = 0;
  cuts = 0;
  /** When the newest connections came, oldest first, Unix ms. */
  readonly acceptedMs: number[] = [];
  /** Bytes delivered so far, over all connections. */
  readonly bytes: Record<Direction, number> = { up: 0, down: 0 };

  private constructor(server: Server, options: ChaosOptions) {
    this.#server = server;
    this.#target = { host: options.target.host ?? "127.0.0.1", port: options.target.port };
    this.#transform = options.transform;
    this.#log = options.log ?? ((line) => console.info(`chaos: ${line}`));
  }

  static async listen(options: ChaosOptions): Promise<ChaosProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new ChaosProxy(server, options);
    server.on("connection", (client) => proxy.#accept(client));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the chaos proxy is not listening");
    return address.port;
  }

  /** The proxy's own address in place of the target's. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get open(): number {
    return this.#connections.size;
  }

  /** Resolves when `holds` does; looked at on every connection, cut and delivered chunk. */
  when(what: string, holds: (proxy: ChaosProxy) => boolean, timeoutMs = 30_000): Promise<true> {
    return until(`chaos proxy: ${what}`, this.#changed.changes, () => (holds(this) ? true : undefined), {
      timeoutMs,
      detail: () => `accepted ${this.accepted}, open ${this.open}, cuts ${this.cuts}, bytes ${JSON.stringify(this.bytes)}`,
    });
  }

  /** Cuts every open connection now. `rst` loses what is in flight, `fin` ends politely. */
  cutAll(how: Cut["how"] = "rst"): void {
    for (const connection of this.#connections) this.#cut(connection, how);
  }

  /** The next accepted connection is cut right after this byte of it; calls queue up, one per connection. */
  cutNext(cut: Cut): void {
    this.#nextCuts.push(cut);
  }

  /** Nothing passes that way any more, closing included, and nobody is told: a half-open link. */
  blackhole(direction: Direction | "both" = "both"): void {
    if (direction !== "down") this.#shape.silent.up = true;
    if (direction !== "up") this.#shape.silent.down = true;
    this.#log(`blackhole ${direction}`);
  }

  /** Ends silence, latency and shaping; what was held flows on, as after retransmission. */
  heal(): void {
    this.#shape.silent = { up: false, down: false };
    this.#shape.latencyMs = 0;
    this.#shape.bytesPerSecond = Infinity;
    this.#wake();
    this.#log("healed");
  }

  latency(ms: number): void {
    this.#shape.latencyMs = ms;
  }

  /** Per direction and connection. */
  bandwidth(bytesPerSecond: number): void {
    this.#shape.bytesPerSecond = bytesPerSecond;
    this.#wake();
  }

  /** Runs a script of faults made from `seed`, by bytes delivered from now on; returns it for inspection. */
  unleash(seed: number, options: ScriptOptions): FaultScript {
    const script = faultScript(seed, options);
    this.#log(`seed ${seed}: ${script.steps.map((step) => `${step.fault.type}@${step.atBytes}`).join(" ")}`);
    this.#script = { direction: options.direction, steps: [...script.steps], from: this.bytes[options.direction] };
    return script;
  }

  /** Faults of the script that have not happened yet. */
  get pendingFaults(): number {
    return this.#script?.steps.length ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const connection of this.#connections) this.#drop(connection);
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    const upstream = connect({ ...this.#target, noDelay: true });
    const cut = this.#nextCuts.shift();
    const lane = (direction: Direction, from: Socket, to: Socket): Lane =>
      new Lane({
        direction,
        from,
        to,
        shape: this.#shape,
        transform: this.#transform?.(direction),
        cutAfter: cut?.direction === direction ? cut.afterBytes : undefined,
        room: () => this.#roomBeforeFault(direction),
        passed: (bytes) => this.#passed(direction, bytes),
        cut: () => this.#cut(connection, cut?.how ?? "rst"),
        closed: () => this.#drop(connection),
      });
    const connection: Connection = { client, upstream, lanes: { up: lane("up", client, upstream), down: lane("down", upstream, client) } };
    this.#connections.add(connection);
    this.accepted++;
    this.acceptedMs.push(Date.now());
    if (this.acceptedMs.length > MAX_ACCEPTED_KEPT) this.acceptedMs.shift();
    this.#changed.emit();
  }

  #passed(direction: Direction, bytes: number): void {
    this.bytes[direction] += bytes;
    const script = this.#script;
    if (script !== undefined && script.direction === direction) {
      const done = this.bytes[direction] - script.from;
      while (script.steps[0] !== undefined && script.steps[0].atBytes <= done) {
        const [step] = script.steps.splice(0, 1);
        if (step !== undefined) this.#inflict(step.fault);
      }
    }
    this.#changed.emit();
  }

  /** How many bytes may pass before the next fault is due, so that it strikes at its exact byte. */
  #roomBeforeFault(direction: Direction): number {
    const script = this.#script;
    const next = script?.direction === direction ? script.steps[0] : undefined;
    return script === undefined || next === undefined ? Infinity : Math.max(1, next.atBytes - (this.bytes[direction] - script.from));
  }

  #inflict(fault: Fault): void {
    switch (fault.type) {
      case "cut":
        return this.cutAll(fault.how);
      case "silence":
        this.blackhole(fault.direction);
        return this.#later(fault.forMs, () => this.heal());
      case "latency":
        this.latency(fault.ms);
        return this.#later(fault.forMs, () => this.heal());
      case "bandwidth":
        this.bandwidth(fault.bytesPerSecond);
        return this.#later(fault.forMs, () => this.heal());
    }
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #cut(connection: Connection, how: Cut["how"]): void {
    if (!this.#connections.delete(connection)) return;
    this.cuts++;
    for (const lane of Object.values(connection.lanes)) lane.stop();
    for (const socket of [connection.client, connection.upstream]) {
      if (how === "rst") socket.resetAndDestroy();
      else socket.destroySoon();
    }
    this.#changed.emit();
  }

  #drop(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    for (const lane of Object.values(connection.lanes)) lane.stop();
    connection.client.destroySoon();
    connection.upstream.destroySoon();
    this.#changed.emit();
  }

  #wake(): void {
    for (const { lanes } of this.#connections) for (const lane of Object.values(lanes)) lane.wake();
  }
}
