/**
 * TCP and TLS to the control plane. With a pin the server is known by its key: it is compared on the very
 * connection that will carry the request, before the first byte of it is written.
 */
import { createHash } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { fail, maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

type OnConnected = (error: Error | null, socket: Socket) => void;
/** The callback form of `http.request({createConnection})`: nothing is returned until the peer is known. */
export type Connector = (options: object, done: OnConnected) => undefined;

export interface ConnectTarget {
  url: URL;
  /** Hex SHA-256 of the server key. */
  pin?: string;
  /** For TCP and TLS together. */
  timeoutMs: number;
  /** Ends the dialling: until it is done the socket is known to nobody else, and would keep a process that stops. */
  signal?: AbortSignal;
}

export function connectorTo({ url, pin, timeoutMs, signal }: ConnectTarget): Connector {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  const port = Number(url.port === "" ? (secure ? 443 : 80) : url.port);
  const dialTls = (settle: (error: Error | null) => void): Socket => {
    // A pinned server usually signed its certificate itself: its key is the authority, compared below.
    const socket = connectTls({
      host,
      port,
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: pin === undefined,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    socket.once("secureConnect", () => {
      if (pin === undefined) return settle(null);
      const key = socket.getPeerX509Certificate()?.publicKey;
      const seen = key === undefined ? "" : spkiDigest(key.export({ type: "spki", format: "der" }));
      settle(seen === pin ? null : pinMismatch(url, pin, seen));
    });
    return socket;
  };
  return (_options, done) => {
    let settled = false;
    const settle = (error: Error | null) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.removeListener("error", onError);
      if (error !== null) {
        // Late errors of a socket nobody owns any more must not become uncaught ones.
        socket.on("error", () => {});
        socket.destroy();
      }
      done(error, socket);
    };
    const onError = (error: Error) => settle(error);
    const onAbort = () => settle(new Error("the dialling was given up"));
    const socket: Socket = secure ? dialTls(settle) : connectTcp({ host, port }, () => settle(null));
    socket.setNoDelay(true);
    const timer = setTimeout(
      () => settle(Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: "ETIMEDOUT" })),
      timeoutMs,
    );
    socket.once("error", onError);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    return undefined;
  };
}

export const spkiDigest = (der: Uint8Array): string => createHash("sha256").update(der).digest("hex");

/** Accepts what people paste: hex (with or without colons), base64 or base64url, with or without `sha256:` or `sha256/`. */
export function parsePin(text: string): Result<string> {
  const body = text.trim().replace(/^sha256[:/]{1,2}/i, "");
  const hex = body.replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return ok(hex);
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(body)) return ok(Buffer.from(body, "base64").toString("hex"));
  return err(
    maestroError("field_invalid", `'${text.slice(0, 80)}' is not a SHA-256 fingerprint.`, {
      field: "pin",
      hint: "Copy it from the join line of the console, whole.",
    }),
  );
}

const pinMismatch = (url: URL, pin: string, seen: string): Error =>
  fail(
    "tls_pin_mismatch",
    `The server at ${url.origin} has key sha256:${seen.slice(0, 16)}…, not sha256:${pin.slice(0, 16)}…: nothing was sent to it.`,
    {
      hint: "Either the control plane has a new certificate (join again with a fresh line) or somebody is in between.",
    },
  );
