/** What may be dialled: https anywhere, http only where nobody else can listen. */
import { BlockList, isIP } from "node:net";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

/** @param allowHttp networks (CIDR) that already encrypt or are trusted. */
export function checkServerUrl(text: string, allowHttp: readonly string[]): Result<URL> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return err(
      maestroError("field_invalid", `'${text.slice(0, 128)}' is not an http or https URL.`, {
        field: "url",
        hint: "For example https://maestro.example.com",
      }),
    );
  }
  if (url.username !== "" || url.password !== "") {
    return err(
      maestroError("field_invalid", "The URL contains a user name or password.", {
        field: "url",
        hint: "Use the bare address of the control plane.",
      }),
    );
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !isAllowed(url.hostname, allowHttp)) {
    return err(
      maestroError("insecure_url", `'${url.origin}' is plain http to another machine: the token was not sent.`, {
        field: "url",
        hint: "Use https, or allow the network explicitly: MAESTRO_ALLOW_HTTP=<cidr>.",
      }),
    );
  }
  return ok(url);
}

export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare.endsWith(".localhost") || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

function isAllowed(hostname: string, networks: readonly string[]): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(bare);
  if (family === 0) return false;
  const list = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split("/");
    if (address === undefined || isIP(address) === 0) continue;
    try {
      list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
    } catch {
      // A prefix length out of range allows nothing.
    }
  }
  return list.check(bare, family === 4 ? "ipv4" : "ipv6");
}
