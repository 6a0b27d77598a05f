/** Whether the key that a host shows is the one that is known of it. */
import { createHash } from "node:crypto";
import { hostKeyName, isFor, type KnownHost } from "./entries.ts";

export type HostKeyVerdict =
  | { state: "known" }
  /** `authority`: certificates of the host would be known, but plain keys are all that is compared. */
  | { state: "unknown"; authority: boolean }
  /** A key is known, and it is another one, of whatever type: hosts whose known type was asked for first do not show another. */
  | { state: "changed"; known: KnownHost[] }
  | { state: "revoked"; entry: KnownHost };

export interface HostPlace {
  hostName: string;
  port: number;
  hostKeyAlias: string | undefined;
}

export function judgeHostKey(entries: readonly KnownHost[], place: HostPlace, key: Buffer): HostKeyVerdict {
  const own = entriesFor(entries, place);
  // As ssh does: what is known without a port vouches for the same key behind another port, and against no other.
  const portless = entriesFor(entries, { ...place, port: 22 });
  const isThis = (entry: KnownHost): boolean => entry.key.equals(key);
  const entry = [...own, ...portless].find((candidate) => candidate.kind === "revoked" && isThis(candidate));
  if (entry !== undefined) return { state: "revoked", entry };
  const known = own.filter(({ kind }) => kind === "key");
  if (known.some(isThis)) return { state: "known" };
  if (known.length > 0) return { state: "changed", known };
  if (portless.some((candidate) => candidate.kind === "key" && isThis(candidate))) return { state: "known" };
  return { state: "unknown", authority: own.some(({ kind }) => kind === "cert-authority") };
}

/** The same algorithms, those first whose keys are known of the host. */
export function preferKnown(entries: readonly KnownHost[], place: HostPlace, algorithms: readonly string[]): string[] {
  const own = entriesFor(entries, place).filter(({ kind }) => kind === "key");
  const known = own.length > 0 ? own : entriesFor(entries, { ...place, port: 22 }).filter(({ kind }) => kind === "key");
  const isKnown = (algorithm: string): boolean => known.some(({ keyType }) => keyType === keyTypeOf(algorithm));
  return [...algorithms.filter(isKnown), ...algorithms.filter((algorithm) => !isKnown(algorithm))];
}

/** As `ssh-keygen -l` prints it. */
export const fingerprint = (key: Buffer): string => `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

const entriesFor = (entries: readonly KnownHost[], place: HostPlace): KnownHost[] => {
  const name = hostKeyName(place);
  return entries.filter((entry) => isFor(entry, name));
};

/** RSA keys are of one type whatever digest they sign with. */
const keyTypeOf = (algorithm: string): string => (algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm);
