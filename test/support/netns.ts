/** Two network namespaces joined by a veth pair: a second machine, as far as the network can tell. Root only; ask `lacking("netns")` first. */
import { execFile, spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { randomInt } from "node:crypto";
import { promisify } from "node:util";

const run = promisify(execFile);
const ip = (...argv: string[]) => run("ip", argv, { timeout: 30_000 });

export interface NetSide {
  name: string;
  address: string;
  /** Spawns inside this namespace. */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
}

export class NetPair implements AsyncDisposable {
  readonly left: NetSide;
  readonly right: NetSide;
  readonly #device: string;

  private constructor(id: string, subnet: string) {
    this.left = side(`mx${id}l`, `${subnet}.1`);
    this.right = side(`mx${id}r`, `${subnet}.2`);
    this.#device = `mxv${id}`;
  }

  static async create(): Promise<NetPair> {
    const id = randomInt(0x1000, 0xffff).toString(16);
    const pair = new NetPair(id, `10.${randomInt(100, 250)}.${randomInt(1, 250)}`);
    await pair.#build();
    return pair;
  }

  /** Takes the cable out: both ends keep their sockets and notice nothing. */
  async unplug(): Promise<void> {
    await ip("-n", this.right.name, "link", "set", `${this.#device}b`, "down");
  }

  async plug(): Promise<void> {
    await ip("-n", this.right.name, "link", "set", `${this.#device}b`, "up");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ip("netns", "delete", this.left.name).catch(() => undefined);
    await ip("netns", "delete", this.right.name).catch(() => undefined);
  }

  async #build(): Promise<void> {
    const ends = [
      { side: this.left, device: `${this.#device}a` },
      { side: this.right, device: `${this.#device}b` },
    ];
    for (const { side } of ends) await ip("netns", "add", side.name);
    await ip(
      "link",
      "add",
      `${this.#device}a`,
      "netns",
      this.left.name,
      "type",
      "veth",
      "peer",
      "name",
      `${this.#device}b`,
      "netns",
      this.right.name,
    );
    for (const { side, device } of ends) {
      await ip("-n", side.name, "addr", "add", `${side.address}/24`, "dev", device);
      await ip("-n", side.name, "link", "set", device, "up");
      await ip("-n", side.name, "link", "set", "lo", "up");
    }
  }
}

const side = (name: string, address: string): NetSide => ({
  name,
  address,
  spawn: (argv, options = {}) => spawn("ip", ["netns", "exec", name, ...argv], options),
});
