/** Where a request may come from: exact origins, no credential in the URL, proof that a write was meant. */
import { fail } from "@maestro/shared/errors";
import { HEADER_CSRF } from "@maestro/shared/contract/routes";
import type { Config } from "../config.ts";
import { equalDigests } from "../crypto/digest.ts";
import { isOwnName } from "../domain/access/host-name.ts";

const TOKEN_PARAMETERS = new Set(["token", "access_token", "api_key", "apikey", "authorization", "ticket"]);
const LOOKS_LIKE_TOKEN = /mst_(pat|join|login|boot|att)_/;

/** A token in a URL is in logs and histories already. */
export function refuseTokenInUrl(url: URL): void {
  const found =
    (url.search === "" ? [] : [...url.searchParams]).some(
      ([name, value]) => TOKEN_PARAMETERS.has(name.toLowerCase()) || LOOKS_LIKE_TOKEN.test(value),
    ) || LOOKS_LIKE_TOKEN.test(url.pathname);
  if (found)
    throw fail("token_in_url", "A credential stands in the URL, where logs and histories keep it.", {
      hint: "Treat it as leaked: revoke it, and send a new one in the Authorization header.",
    });
}

/** The origin hosts sign and join lines name. */
export const serverOrigin = (config: Config, url: URL): string => config.publicOrigin ?? url.origin;

/**
 * What a host may have signed for: the named origin, or the address it really dialled, which is what the machine
 * beside the server and hosts from before the name was changed know. Keys are made per join, so a signature for
 * another server's origin cannot exist for an enrolled key.
 */
export const originsHere = (config: Config, url: URL): string[] => [...new Set([serverOrigin(config, url), url.origin])];

/**
 * An embedded control plane is called by its own names only; elsewhere what stands before the Worker chooses by name. Whoever
 * brings a credential of their own (a host, a CLI) is judged by that: a page has none to bring.
 */
export function refuseForeignName(request: Request, url: URL, { hostNames }: Config): void {
  if (hostNames === undefined || request.headers.has("authorization") || isOwnName(url.hostname, hostNames)) return;
  throw fail("origin_denied", `This server is not called '${url.hostname.slice(0, 128)}'.`, {
    field: "host",
    hint: "Open it by an address, as localhost or by its machine's own name; with --tls any name of the certificate will do.",
  });
}

/** Browsers send Origin with every write and every socket; other clients send none, which is fine. */
export function refuseForeignOrigin(request: Request, url: URL, config: Config): void {
  const origin = request.headers.get("origin");
  if (origin === null || origin === url.origin || origin === config.publicOrigin || config.allowedOrigins.includes(origin)) return;
  throw fail("origin_denied", `Requests from '${origin.slice(0, 128)}' are not taken.`, {
    field: "origin",
    hint: "Open the console at its own address.",
  });
}

/** For writes authenticated by cookie: the browser must say that our own page made them, and hold the session's CSRF value. */
export function requireBrowserIntent(request: Request, url: URL, csrf: string): void {
  if (request.headers.get("origin") === null)
    throw fail("origin_denied", "A write from a browser carries an Origin header.", {
      field: "origin",
      hint: "Use a token for calls outside the console.",
    });
  const site = request.headers.get("sec-fetch-site");
  // Browsers leave Sec-Fetch-Site out on plain http beyond loopback, and only there.
  if (site !== "same-origin" && !(site === null && url.protocol === "http:")) {
    throw fail("origin_denied", `A write from a '${(site ?? "unknown").slice(0, 32)}' page is not taken.`, {
      field: "sec-fetch-site",
      hint: "Open the console at its own address.",
    });
  }
  const given = request.headers.get(HEADER_CSRF);
  if (given === null || !equalDigests(given, csrf)) {
    throw fail("csrf_missing", `A write with a browser session needs its ${given === null ? "" : "present "}CSRF value.`, {
      field: HEADER_CSRF,
      hint: "Reload the console; it sends `csrf` of GET /api/v1/me in this header.",
    });
  }
}
