/** The console's cookie: `__Host-` and Secure wherever there is TLS. */
import { fail } from "@maestro/shared/errors";
import { COOKIE_PLAIN, COOKIE_SECURE } from "@maestro/shared/contract/routes";
import type { Config } from "../config.ts";

export function readCookie(request: Request, url: URL): string | undefined {
  const name = cookieName(url);
  for (const part of (request.headers.get("cookie") ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

export const setCookie = (url: URL, value: string, forMs: number): string => cookie(url, value, Math.max(0, Math.floor(forMs / 1000)));

export const clearCookie = (url: URL): string => cookie(url, "", 0);

/** A cookie over http beyond loopback would be readable on the way, unless the operator vouched for the network. */
export function requireSafeTransport(url: URL, config: Config): void {
  if (url.protocol === "https:" || config.plainHttp || LOOPBACK.test(url.hostname)) return;
  throw fail("insecure_url", `A browser session over ${url.protocol}//${url.hostname} could be read on the way.`, {
    hint: "Use https, or start with --allow-http for a network you trust.",
  });
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

const cookieName = (url: URL): string => (url.protocol === "https:" ? COOKIE_SECURE : COOKIE_PLAIN);

const cookie = (url: URL, value: string, maxAgeSeconds: number): string =>
  `${cookieName(url)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${url.protocol === "https:" ? "; Secure" : ""}`;
