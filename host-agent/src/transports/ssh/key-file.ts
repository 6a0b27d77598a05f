/** The public part of a private key that is locked: an agent may hold what no passphrase is known of. */
import { readFile } from "node:fs/promises";
import type { ParsedKey } from "ssh2";
import type { Ssh2 } from "./library.ts";

/** From the key itself, where its form (PROTOCOL.key of OpenSSH) leaves it readable; else from the `.pub` beside it. */
export async function publicPartOf(ssh2: Ssh2, path: string, text: Buffer): Promise<ParsedKey | undefined> {
  const blob = blobInside(text);
  const line = blob === undefined ? await readFile(`${path}.pub`).catch(() => undefined) : asLine(blob);
  if (line === undefined) return undefined;
  const parsed = ssh2.utils.parseKey(line);
  return parsed instanceof Error ? undefined : parsed;
}

const MAGIC = "openssh-key-v1\0";

function blobInside(text: Buffer): Buffer | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text.toString("latin1"))?.[1];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, "base64");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  // Names of cipher and derivation, its options, the number of keys, then the first public key.
  let at = MAGIC.length;
  for (let i = 0; i < 3; i++) {
    if (at + 4 > bytes.length) return undefined;
    at += 4 + bytes.readUInt32BE(at);
  }
  at += 4;
  if (at + 4 > bytes.length) return undefined;
  const length = bytes.readUInt32BE(at);
  return at + 4 + length > bytes.length ? undefined : bytes.subarray(at + 4, at + 4 + length);
}

function asLine(blob: Buffer): string | undefined {
  if (blob.length < 4) return undefined;
  return `${blob.toString("latin1", 4, 4 + blob.readUInt32BE(0))} ${blob.toString("base64")}`;
}
