/** What a new machine needs before it has any credential: the install script of this very version, and the program. */
import { fail } from "@maestro/shared/errors";
import { installScript } from "../domain/install-script.ts";
import { defineRoutes } from "../http/define-route.ts";
import { serverOrigin } from "../http/origin.ts";
import { VERSION } from "../version.ts";

export const installRoutes = defineRoutes({
  install(rx) {
    const script = installScript(serverOrigin(rx.config, new URL(rx.c.req.url)), VERSION, rx.config.tlsPin);
    return new Response(script, { headers: { "content-type": "text/x-shellscript; charset=utf-8", "cache-control": "no-store" } });
  },

  async tarball(rx) {
    const asset = await rx.env.ASSETS.fetch(new URL("/maestro.tgz", rx.c.req.url));
    // A missing asset is answered with the console's page.
    if (!asset.ok || (asset.headers.get("content-type") ?? "").startsWith("text/html")) {
      throw fail("route_not_found", "This server was built without the program to install.", { hint: "Build it: pnpm run build." });
    }
    return new Response(asset.body, { headers: { "content-type": "application/gzip", "cache-control": "no-cache" } });
  },
});
