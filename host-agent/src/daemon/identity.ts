/** Who this host is: its record and its keys, made here and never sent anywhere. */
import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import * as z from "zod";
import { fail, maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { parseJson } from "../config/json.ts";
import type { Paths } from "../config/paths.ts";
import { errnoOf, readPrivate, removeDurably, writeDurably } from "./durable-file.ts";

const KeyPair = z.object({ public: z.string().max(64), private: z.string().max(128) });
/** Raw 32-byte keys as base64url. */
export type KeyPair = z.infer<typeof KeyPair>;

export const HostRecord = z.object({
  hostId: z.string().max(40),
  name: z.string().max(128),
  fleet: z.string().max(40),
  /** Where to dial. */
  url: z.string().max(512),
  /** What the control plane calls itself; every signature is bound to it. */
  origin: z.string().max(512),
  /** SHA-256 of the server key, hex; set when the server is known by its key and not by an authority. */
  pin: z.string().length(64).optional(),
  /** Networks that plain http was allowed to when this machine joined: a restart without that environment must find its server too. */
  allowHttp: z.array(z.string().max(64)).max(64).optional(),
});
export type HostRecord = z.infer<typeof HostRecord>;

const IdentityFile = z.object({ version: z.literal(1), record: HostRecord, signing: KeyPair, sealing: KeyPair });
export interface Identity {
  record: HostRecord;
  signing: KeyPair;
  sealing: KeyPair;
}
const NextKeyFile = z.object({ version: z.literal(1), hostId: z.string(), signing: KeyPair });

export function generateSigningKey(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return exportPair(publicKey, privateKey);
}

export function generateSealingKey(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  return exportPair(publicKey, privateKey);
}

/** Ed25519 over the UTF-8 text, base64url. */
export function signText(key: KeyPair, text: string): string {
  const privateKey = createPrivateKey({ key: { kty: "OKP", crv: "Ed25519", x: key.public, d: key.private }, format: "jwk" });
  return sign(null, Buffer.from(text, "utf8"), privateKey).toString("base64url");
}

export function readIdentity(paths: Paths): Identity | undefined {
  const text = readPrivate(paths.identityFile);
  if (text === undefined) return undefined;
  const parsed = IdentityFile.safeParse(parseJson(text));
  if (!parsed.success) {
    throw fail("json_invalid", `'${paths.identityFile}' is damaged.`, {
      field: paths.identityFile,
      hint: "Join this machine again: maestro host join <url>.",
    });
  }
  return parsed.data;
}

export function writeIdentity(paths: Paths, { record, signing, sealing }: Identity): void {
  writeDurably(paths.identityFile, `${JSON.stringify({ version: 1, record, signing, sealing })}\n`);
}

export interface NextKey {
  key: KeyPair | undefined;
  /** Why what lies there is no key to this process, and what to do. */
  problem: MaestroError | undefined;
}

/**
 * [F37] The key a rotation was begun with, if it did not end. A file that cannot be used is as good as none, since the
 * present key still works. So is one with the present key in it, which a crash in the middle of `promoteKey` leaves behind.
 */
export function lookForNextKey(paths: Paths, { record, signing }: Pick<Identity, "record" | "signing">): NextKey {
  let text: string | undefined;
  try {
    text = readPrivate(paths.nextKeyFile);
  } catch (cause) {
    return { key: undefined, problem: unreadableNextKey(paths.nextKeyFile, cause) };
  }
  if (text === undefined) return { key: undefined, problem: undefined };
  const parsed = NextKeyFile.safeParse(parseJson(text));
  if (!parsed.success) return { key: undefined, problem: damagedNextKey(paths.nextKeyFile) };
  const isOver = parsed.data.hostId !== record.hostId || parsed.data.signing.public === signing.public;
  return { key: isOver ? undefined : parsed.data.signing, problem: undefined };
}

export const readNextKey = (paths: Paths, identity: Pick<Identity, "record" | "signing">): KeyPair | undefined =>
  lookForNextKey(paths, identity).key;

/** Whoever can read the identity is to read it: `sudo maestro host rotate-key --system` writes it for another user's daemon. */
export function writeNextKey(paths: Paths, hostId: string, signing: KeyPair): void {
  writeDurably(paths.nextKeyFile, `${JSON.stringify({ version: 1, hostId, signing })}\n`, paths.identityFile);
}

function unreadableNextKey(file: string, cause: unknown): MaestroError {
  const detail = cause instanceof MaestroFailure ? cause.error.detail : `'${file}' cannot be read (${errnoOf(cause) ?? "unknown reason"}).`;
  return maestroError("insecure_permissions", detail, {
    field: file,
    hint: `Make it this user's: sudo chown ${process.getuid?.() ?? 0} '${file}' && sudo chmod 600 '${file}'. Until then the present key goes on.`,
  });
}

const damagedNextKey = (file: string): MaestroError =>
  maestroError("json_invalid", `'${file}' is damaged, and the rotation of the key that it was for did not end.`, {
    field: file,
    hint: "Begin it anew: maestro host rotate-key. Until then the present key goes on.",
  });

/** The identity takes the key first and the waiting file goes last, so a crash between them leaves what `readNextKey` takes for none. */
export function promoteKey(paths: Paths, identity: Identity, signing: KeyPair): Identity {
  const promoted = { ...identity, signing };
  writeIdentity(paths, promoted);
  removeDurably(paths.nextKeyFile);
  return promoted;
}

function exportPair(publicKey: KeyObject, privateKey: KeyObject): KeyPair {
  const x = publicKey.export({ format: "jwk" }).x;
  const d = privateKey.export({ format: "jwk" }).d;
  if (x === undefined || d === undefined) throw new Error("the runtime exported a key without its coordinates");
  return { public: x, private: d };
}
