/** A self-signed X.509 certificate for one EC key, written by hand in DER: Node can read certificates but not make them. */
import { createPublicKey, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

export interface CertificateRequest {
  /** P-256. */
  privateKey: KeyObject;
  commonName: string;
  /** Names and addresses it is good for. */
  hosts: readonly string[];
  notBeforeMs: number;
  notAfterMs: number;
  /** 16 random bytes. */
  serial: Uint8Array;
}

/** PEM. */
export function selfSigned({ privateKey, commonName, hosts, notBeforeMs, notAfterMs, serial }: CertificateRequest): string {
  const name = sequence(set(sequence(oid(2, 5, 4, 3), tlv(0x0c, Buffer.from(commonName, "utf8")))));
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const extensions = sequence(
    extension(oid(2, 5, 29, 19), false, sequence()),
    // digitalSignature
    extension(oid(2, 5, 29, 15), true, tlv(0x03, Buffer.from([7, 0x80]))),
    extension(oid(2, 5, 29, 37), false, sequence(oid(1, 3, 6, 1, 5, 5, 7, 3, 1))),
    extension(oid(2, 5, 29, 17), false, sequence(...hosts.map(generalName))),
  );
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_SHA256,
    name,
    sequence(time(notBeforeMs), time(notAfterMs)),
    name,
    spki,
    tlv(0xa3, extensions),
  );
  const signature = sign("sha256", body, privateKey);
  const der = sequence(body, ECDSA_SHA256, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function tlv(tag: number, content: Uint8Array): Buffer {
  const { byteLength } = content;
  const length = byteLength < 0x80 ? [byteLength] : byteLength < 0x100 ? [0x81, byteLength] : [0x82, byteLength >> 8, byteLength & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, Buffer.concat(parts));
const set = (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, Buffer.concat(parts));

/** Positive and without needless leading zeros, as DER wants it. */
function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const body = first === -1 ? Buffer.from([0]) : Buffer.from(bytes.subarray(first));
  return tlv(0x02, (body[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), body]) : body);
}

function oid(...numbers: readonly number[]): Buffer {
  const [first = 0, second = 0, ...rest] = numbers;
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const digits = [number & 0x7f];
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

const ECDSA_SHA256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2));
const extension = (id: Buffer, critical: boolean, value: Buffer): Buffer =>
  sequence(id, ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));

/** GeneralizedTime after 2049 and UTCTime before, as RFC 5280 wants it. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return Number(text.slice(0, 4)) >= 2050 ? tlv(0x18, Buffer.from(`${text}Z`)) : tlv(0x17, Buffer.from(`${text.slice(2)}Z`));
}

function generalName(host: string): Buffer {
  if (isIP(host) === 4) return tlv(0x87, Buffer.from(host.split(".").map(Number)));
  return isIP(host) === 6 ? tlv(0x87, ipv6Bytes(host)) : tlv(0x82, Buffer.from(host, "ascii"));
}

function ipv6Bytes(address: string): Buffer {
  const canonical = new URL(`http://[${address.split("%")[0] ?? ""}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const words = (text: string): number[] => (text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16)));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}
