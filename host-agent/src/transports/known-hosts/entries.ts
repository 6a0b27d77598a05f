/** Host keys as files in the form of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT", hold them. */
import { createHmac } from "node:crypto";
import { matchesPatternList } from "../pattern.ts";

export interface KnownHost {
  kind: "key" | "revoked" | "cert-authority";
  hosts: HostNames;
  keyType: string;
  key: Buffer;
  /** Where it stands, from 1. */
  path: string;
  line: number;
}

type HostNames = { kind: "patterns"; patterns: string[] } | { kind: "hashed"; salt: Buffer; hash: Buffer };

/** Lines that are none are passed over, as ssh does. */
export function parseKnownHosts(text: string, path: string): KnownHost[] {
  return text.split(/\r?\n/).flatMap((line, index) => parseLine(line, path, index + 1));
}

/** Under which name ssh looks a host up: its alias, else its name, with the port unless that is 22. */
export function hostKeyName(host: { hostName: string; port: number; hostKeyAlias: string | undefined }): string {
  if (host.hostKeyAlias !== undefined) return host.hostKeyAlias.toLowerCase();
  const name = host.hostName.toLowerCase();
  return host.port === 22 ? name : `[${name}]:${host.port}`;
}

export function isFor(entry: KnownHost, name: string): boolean {
  if (entry.hosts.kind === "patterns") return matchesPatternList(name, entry.hosts.patterns);
  return createHmac("sha1", entry.hosts.salt).update(name).digest().equals(entry.hosts.hash);
}

const MARKERS: Record<string, KnownHost["kind"]> = { "@revoked": "revoked", "@cert-authority": "cert-authority" };

function parseLine(text: string, path: string, line: number): KnownHost[] {
  const words = text.trim().split(/[ \t]+/);
  const isMarked = words[0]?.startsWith("@") === true;
  const kind = isMarked ? MARKERS[words[0] ?? ""] : "key";
  const [names, keyType, base64] = isMarked ? words.slice(1) : words;
  if (kind === undefined || names === undefined || names.startsWith("#") || keyType === undefined || base64 === undefined) return [];
  const hosts = parseNames(names);
  const key = Buffer.from(base64, "base64");
  return hosts === undefined || typeOf(key) !== keyType ? [] : [{ kind, hosts, keyType, key, path, line }];
}

function parseNames(names: string): HostNames | undefined {
  if (!names.startsWith("|")) return { kind: "patterns", patterns: names.toLowerCase().split(",") };
  const [, version, salt, hash] = names.split("|");
  if (version !== "1" || salt === undefined || hash === undefined) return undefined;
  return { kind: "hashed", salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

/** The type that a public key's blob names itself; undefined if it is no blob. */
export function typeOf(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  return length > 64 || key.length <= 4 + length ? undefined : key.toString("latin1", 4, 4 + length);
}
