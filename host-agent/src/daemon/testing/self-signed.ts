/** A self-signed certificate for 127.0.0.1 and its pin, made by openssl. */
import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { spkiDigest } from "../../link/connector.ts";

export function selfSigned(): { key: string; cert: string; pin: string } {
  const dir = mkdtempSync(path.join(tmpdir(), "mc-"));
  try {
    const [keyFile, certFile] = [path.join(dir, "key"), path.join(dir, "cert")];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        keyFile,
        "-out",
        certFile,
        "-days",
        "1",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
      ],
      { stdio: "ignore" },
    );
    const cert = readFileSync(certFile, "utf8");
    return { key: readFileSync(keyFile, "utf8"), cert, pin: spkiDigest(createPublicKey(cert).export({ type: "spki", format: "der" })) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
