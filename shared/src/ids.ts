/** Prefixed, sortable, branded ids: a lower-case ULID behind three letters that say what it names. */
import { err, ok, type Result } from "./result.ts";
import { maestroError } from "./errors.ts";

export const ID_PREFIXES = {
  fleet: "flt",
  member: "mem",
  host: "hst",
  agent: "agt",
  session: "ses",
  task: "tsk",
  attempt: "att",
  token: "tok",
  browser: "bsn",
  join: "jon",
  link: "lnk",
  event: "evt",
  audit: "aud",
  request: "req",
  viewer: "vwr",
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

declare const brand: unique symbol;
export type Id<K extends IdKind> = string & { readonly [brand]: K };
export type FleetId = Id<"fleet">;
export type MemberId = Id<"member">;
export type HostId = Id<"host">;
export type AgentId = Id<"agent">;
export type SessionId = Id<"session">;
export type TaskId = Id<"task">;
export type AttemptId = Id<"attempt">;
export type TokenId = Id<"token">;
export type BrowserSessionId = Id<"browser">;
export type ViewerId = Id<"viewer">;

// Crockford's alphabet without i, l, o, u: no two characters look alike.
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARS = 10;
const RANDOM_CHARS = 16;

/** @param random at least 10 random bytes. @param timeMs Unix time in milliseconds. */
export function makeId<K extends IdKind>(kind: K, timeMs: number, random: Uint8Array): Id<K> {
  return `${ID_PREFIXES[kind]}_${encodeTime(timeMs)}${encodeRandom(random)}` as Id<K>;
}

export function isId<K extends IdKind>(kind: K, text: string): text is Id<K> {
  const prefix = `${ID_PREFIXES[kind]}_`;
  return text.length === prefix.length + TIME_CHARS + RANDOM_CHARS && text.startsWith(prefix) && BODY.test(text.slice(prefix.length));
}

export function parseId<K extends IdKind>(kind: K, text: string): Result<Id<K>> {
  return isId(kind, text)
    ? ok(text)
    : err(
        maestroError("field_invalid", `'${text.slice(0, 64)}' is not ${kind} id.`, {
          hint: `A ${kind} id looks like ${ID_PREFIXES[kind]}_01j9…`,
        }),
      );
}

/** The kind of a whole id or of a prefix of one (`hst_01j`), or undefined. */
export function idKind(text: string): IdKind | undefined {
  const found = Object.entries(ID_PREFIXES).find(([, prefix]) => text.startsWith(`${prefix}_`));
  return found?.[0] as IdKind | undefined;
}

/** The time an id was made at, in Unix milliseconds. */
export function idTime(id: string): number {
  let ms = 0;
  for (const char of id.slice(id.indexOf("_") + 1, id.indexOf("_") + 1 + TIME_CHARS)) ms = ms * 32 + ALPHABET.indexOf(char);
  return ms;
}

const BODY = /^[0-9a-hjkmnp-tv-z]{26}$/;

function encodeTime(timeMs: number): string {
  let rest = Math.max(0, Math.floor(timeMs));
  let out = "";
  for (let i = 0; i < TIME_CHARS; i++) {
    out = ALPHABET.charAt(rest % 32) + out;
    rest = Math.floor(rest / 32);
  }
  return out;
}

function encodeRandom(random: Uint8Array): string {
  let bits = 0;
  let value = 0;
  let out = "";
  for (const byte of random) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET.charAt((value >>> bits) & 31);
      value &= (1 << bits) - 1;
    }
  }
  if (out.length < RANDOM_CHARS) throw new RangeError("makeId needs 10 random bytes");
  return out.slice(0, RANDOM_CHARS);
}
