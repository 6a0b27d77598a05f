/** Key and certificate of the embedded control plane: the user's own, or made once and kept. */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import * as path from "node:path";
import { fail } from "@maestro/shared/errors";
import { readPrivate, writeDurably } from "../daemon/durable-file.ts";
import { ensurePrivateDir } from "../config/paths.ts";
import { selfSigned } from "./certificate.ts";
import type { Protection } from "./listen-plan.ts";

export interface TlsMaterial {
  cert: string;
  key: string;
  /** `sha256//…` of the server's key; set where no authority vouches for it. */
  pin: string | undefined;
}

/** What browsers accept at most. The key stays, so pins outlive the certificate. */
const VALID_MS = 397 * 86_400_000;
const RENEW_BEFORE_MS = 30 * 86_400_000;

export interface TlsPlace {
  dir: string;
  hosts: readonly string[];
  nowMs: number;
}

export function readyTls(protection: Protection, place: TlsPlace): TlsMaterial | undefined {
  switch (protection.type) {
    case "loopback":
    case "allow-http":
      return undefined;
    case "tls-files":
      return fromFiles(protection.certFile, protection.keyFile);
    case "tls-auto":
      return ownCertificate(place);
  }
}

function ownCertificate({ dir, hosts, nowMs }: TlsPlace): TlsMaterial {
  ensurePrivateDir(dir, process.getuid?.() ?? 0);
  const keyFile = path.join(dir, "key.pem");
  const certFile = path.join(dir, "cert.pem");
  const key = readPrivate(keyFile) ?? makeKey(keyFile);
  const existing = readPrivate(certFile);
  const cert = existing !== undefined && stillGood(existing, key, hosts, nowMs) ? existing : makeCertificate(certFile, key, hosts, nowMs);
  return { cert, key, pin: pinOf(cert) };
}

function makeKey(file: string): string {
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  writeDurably(file, key);
  return key;
}

function makeCertificate(file: string, key: string, hosts: readonly string[], nowMs: number): string {
  const cert = selfSigned({
    privateKey: createPrivateKey(key),
    commonName: "Maestro control plane",
    hosts,
    // A client whose clock is a little behind must not refuse it.
    notBeforeMs: nowMs - 3_600_000,
    notAfterMs: nowMs + VALID_MS,
    serial: randomBytes(16),
  });
  writeDurably(file, cert);
  return cert;
}

function stillGood(cert: string, key: string, hosts: readonly string[], nowMs: number): boolean {
  try {
    const read = new X509Certificate(cert);
    const names = read.subjectAltName ?? "";
    return (
      read.checkPrivateKey(createPrivateKey(key)) &&
      Date.parse(read.validTo) - nowMs > RENEW_BEFORE_MS &&
      hosts.every((host) => names.includes(host))
    );
  } catch {
    return false;
  }
}

function fromFiles(certFile: string, keyFile: string): TlsMaterial {
  const cert = readOrFail(certFile);
  const key = readOrFail(keyFile);
  let matches: boolean;
  try {
    matches = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw fail("tls_invalid", `'${certFile}' and '${keyFile}' are not a certificate and a key in PEM.`, { field: "tls" }, cause);
  }
  if (!matches)
    throw fail("tls_invalid", `'${keyFile}' is not the key of the certificate in '${certFile}'.`, {
      field: "tls",
      hint: "Give them as --tls cert.pem,key.pem",
    });
  const read = new X509Certificate(cert);
  // Nobody vouches for a self-signed certificate: then it is pinned as our own would be.
  return { cert, key, pin: read.issuer === read.subject ? pinOf(cert) : undefined };
}

function readOrFail(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw fail("tls_invalid", `'${file}' cannot be read.`, { field: "tls" }, cause);
  }
}

export function pinOf(cert: string): string {
  const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  return `sha256//${createHash("sha256").update(spki).digest("base64")}`;
}
