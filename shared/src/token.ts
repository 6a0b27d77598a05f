/** The shape of secrets people can see: `mst_pat_<id12>_<43 base62>_<crc6>`; the CRC catches a typing error at once. */
import { err, ok, type Result } from "./result.ts";
import { maestroError, type MaestroError } from "./errors.ts";

/** pat: API token. join: host enrolment. login: one-time login link. boot: bootstrap secret. Agents have their own: `mst_att_…`, below. */
export type TokenKind = "pat" | "join" | "login" | "boot";

export interface ParsedToken {
  kind: TokenKind;
  /** Finds the record; not secret. */
  id: string;
  secret: string;
}

const SHAPE = /^mst_(pat|join|login|boot)_([0-9a-z]{12})_([0-9A-Za-z]{43})_([0-9a-f]{6})$/;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** @param random 12 + 43 bytes or more; bytes ≥ 248 are skipped to stay uniform, so hand over about 80. */
export function formatToken(kind: TokenKind, random: Uint8Array): string {
  const digits: string[] = [];
  for (const byte of random) if (byte < 248) digits.push(BASE62.charAt(byte % 62));
  if (digits.length < 55) throw new RangeError("formatToken needs more random bytes");
  const id = digits.slice(0, 12).join("").toLowerCase();
  const body = `mst_${kind}_${id}_${digits.slice(12, 55).join("")}`;
  return `${body}_${checksum(body)}`;
}

export function parseToken(text: string, kinds: readonly TokenKind[]): Result<ParsedToken> {
  if (text.startsWith(ATTEMPT_TOKEN)) return err(otherKind("att", kinds));
  const match = SHAPE.exec(text);
  const [, kind, id, secret, crc] = match ?? [];
  if (kind === undefined || id === undefined || secret === undefined || crc !== checksum(text.slice(0, -7))) return err(mistyped());
  const found = kinds.find((candidate) => candidate === kind);
  return found === undefined ? err(otherKind(kind, kinds)) : ok({ kind: found, id, secret });
}

/** Whom an agent's token speaks for: one attempt, for as long as this is its fence. */
export interface AttemptClaim {
  fleet: string;
  task: string;
  attempt: string;
  fence: number;
}

export const ATTEMPT_TOKEN = "mst_att_";
const ATTEMPT_SHAPE =
  /^(mst_att_([0-9a-z_-]{1,63})\.([0-9a-z_-]{1,63})\.([0-9a-z_-]{1,63})\.([1-9][0-9]{0,14}))\.([\w-]{43})_([0-9a-f]{6})$/;

/** What is signed: nothing of it is secret, and the MAC behind it makes it true. */
export const attemptSigningText = ({ fleet, task, attempt, fence }: AttemptClaim): string =>
  `${ATTEMPT_TOKEN}${fleet}.${task}.${attempt}.${fence}`;

/** @param mac of the signing text: 32 bytes in base64url. */
export function formatAttemptToken(claim: AttemptClaim, mac: string): string {
  const body = `${attemptSigningText(claim)}.${mac}`;
  const text = `${body}_${checksum(body)}`;
  if (!ATTEMPT_SHAPE.test(text)) throw new RangeError("ids of another alphabet, or a MAC of another length");
  return text;
}

/** Nothing of it is known to be true before its MAC was checked. */
export function parseAttemptToken(text: string): Result<{ claim: AttemptClaim; mac: string }> {
  const [, , fleet, task, attempt, fence, mac, crc] = ATTEMPT_SHAPE.exec(text) ?? [];
  if (
    fleet === undefined ||
    task === undefined ||
    attempt === undefined ||
    fence === undefined ||
    mac === undefined ||
    crc !== checksum(text.slice(0, -7))
  )
    return err(mistyped());
  return ok({ claim: { fleet, task, attempt, fence: Number(fence) }, mac });
}

const otherKind = (kind: string, kinds: readonly TokenKind[]): MaestroError =>
  maestroError("token_malformed", `A '${kind}' token cannot be used here.`, {
    hint: `Expected ${kinds.map((k) => `mst_${k}_…`).join(" or ")}.`,
  });

const mistyped = (): MaestroError =>
  maestroError("token_malformed", "The token is mistyped or truncated: its checksum does not match.", {
    hint: "Copy it again, whole: mst_…",
  });

/** CRC-32 of the ASCII text, its low 24 bits as six hex digits. */
function checksum(text: string): string {
  let crc = 0xffff_ffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return ((crc ^ 0xffff_ffff) & 0xff_ffff).toString(16).padStart(6, "0");
}
