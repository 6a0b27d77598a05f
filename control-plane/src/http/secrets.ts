/** Secrets that are shown once: made here, stored as digests. */
import { formatToken, parseToken, type ParsedToken, type TokenKind } from "@maestro/shared/token";
import { hmacHex } from "../crypto/digest.ts";
import { unwrap } from "./define-route.ts";

export interface FreshSecret {
  text: string;
  lookup: string;
  digest: string;
}

// 55 digits are needed; bytes of 248 and more are skipped, about one in 32.
const TOKEN_RANDOM_BYTES = 96;

export async function freshSecret(kind: TokenKind, pepper: CryptoKey, random: (bytes: number) => Uint8Array): Promise<FreshSecret> {
  const text = formatToken(kind, random(TOKEN_RANDOM_BYTES));
  const { id, secret } = unwrap(parseToken(text, [kind]));
  return { text, lookup: id, digest: await secretDigest(pepper, kind, secret) };
}

/** The kind is part of what is digested: a secret of one kind is worthless as another. */
export const secretDigest = (pepper: CryptoKey, kind: TokenKind, secret: string): Promise<string> => hmacHex(pepper, `${kind}\n${secret}`);

export const parsedDigest = (pepper: CryptoKey, token: ParsedToken): Promise<string> => secretDigest(pepper, token.kind, token.secret);
