/** Who listens on a port, for a message that helps. Best effort: empty when it cannot be told. */
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Undefined when the port is free. */
export function probePort(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** A free port of the system's choice. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port: 0 }, () => {
      const address = server.address();
      server.close(() => (address === null || typeof address === "string" ? reject(new Error("no address")) : resolve(address.port)));
    });
  });
}

/** For instance `node (pid 4711)`. */
export function describeOwner(port: number): string | undefined {
  const pid = process.platform === "linux" ? ownerOnLinux(port) : ownerByLsof(port);
  if (pid === undefined) return undefined;
  const name = process.platform === "linux" ? readOr(`/proc/${pid}/comm`).trim() : "";
  return name === "" ? `pid ${pid}` : `${name} (pid ${pid})`;
}

const LISTEN = "0A";

function ownerOnLinux(port: number): number | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const line of `${readOr("/proc/net/tcp")}\n${readOr("/proc/net/tcp6")}`.split("\n")) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (local?.endsWith(`:${hex}`) === true && state === LISTEN && inode !== undefined) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) if (inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`))) return Number(pid);
    } catch {
      // Somebody else's process, or gone meanwhile.
    }
  }
  return undefined;
}

function ownerByLsof(port: number): number | undefined {
  try {
    const pid = Number(
      execFileSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split(
        "\n",
      )[0],
    );
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
