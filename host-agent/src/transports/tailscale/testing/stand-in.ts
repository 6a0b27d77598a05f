/** A stand-in for the `tailscale` program, in a directory for PATH: what it says is the test's, its ssh a real client to a real sshd. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Server {
  port: number;
  identity: string;
  knownHosts: string;
}

export const BOX = "box.tailnet.ts.net";

export class StandIn implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "mts-"));

  constructor({ port, identity, knownHosts }: Server) {
    copyFileSync(fileURLToPath(new URL("tailscale.sh", import.meta.url)), join(this.dir, "tailscale"));
    const lines = [
      "Host server",
      "HostName 127.0.0.1",
      `Port ${port}`,
      "HostKeyAlias server",
      `IdentityFile ${identity}`,
      "IdentitiesOnly yes",
      "BatchMode yes",
      "StrictHostKeyChecking yes",
      `UserKnownHostsFile ${join(this.dir, "known_hosts")}`,
      "GlobalKnownHostsFile none",
    ];
    writeFileSync(join(this.dir, "ssh_config"), `${lines.join("\n")}\n`, { mode: 0o600 });
    const [, ...key] = readFileSync(knownHosts, "utf8").trim().split(" ");
    writeFileSync(join(this.dir, "known_hosts"), `server ${key.join(" ")}\n`);
    this.says({});
  }

  /** PATH, with it first. */
  get path(): string {
    return `${this.dir}:${process.env["PATH"] ?? "/usr/bin:/bin"}`;
  }

  /** @param peer over one that is online. */
  says({ peer = {}, ...status }: { BackendState?: string; peer?: object }): void {
    const box = { HostName: "box", DNSName: `${BOX}.`, TailscaleIPs: ["100.64.0.7"], Online: true, ...peer };
    const self = { HostName: "me", DNSName: "me.tailnet.ts.net.", TailscaleIPs: ["100.64.0.1"], Online: true };
    writeFileSync(this.at("status.json"), JSON.stringify({ BackendState: "Running", Self: self, Peer: { box }, ...status }));
  }

  /** From now on each of its ssh fails with these; undefined: none does. */
  fails(words: string | undefined): void {
    if (words === undefined) rmSync(this.at("words"), { force: true });
    else writeFileSync(this.at("words"), words);
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  get destinations(): string[] {
    return this.#lines("destinations");
  }

  /** Its clients that still run: each is a real ssh. */
  get clients(): number[] {
    return this.#lines("clients").map(Number).filter(isSsh);
  }

  /** The line is cut: its clients are killed. */
  cut(): void {
    for (const pid of this.clients) process.kill(pid, "SIGKILL");
  }

  [Symbol.dispose](): void {
    this.cut();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #lines(name: string): string[] {
    return existsSync(this.at(name)) ? readFileSync(this.at(name), "utf8").trim().split("\n") : [];
  }
}

/** Numbers are used again: only a client counts. */
function isSsh(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("ssh\0");
  } catch {
    return false;
  }
}
