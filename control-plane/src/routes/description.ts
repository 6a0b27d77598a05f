/** The API described: for machines, for people, and each error code by its own address. */
import { ROUTES } from "@maestro/shared/contract/routes";
import { fail, isErrorCode } from "@maestro/shared/errors";
import { DOCS_CSP, docsPage, problemPage, STYLE } from "../domain/description/docs-page.ts";
import { openApi } from "../domain/description/openapi.ts";
import { defineRoutes } from "../http/define-route.ts";
import { serverOrigin } from "../http/origin.ts";
import { utf8 } from "../crypto/encoding.ts";
import { VERSION } from "../version.ts";

export const descriptionRoutes = defineRoutes({
  openapi(rx) {
    return Response.json(openApi(ROUTES, serverOrigin(rx.config, new URL(rx.c.req.url)), VERSION));
  },

  docs: () => htmlPage(docsPage(ROUTES, VERSION)),

  problem(rx) {
    const { code } = rx.params;
    if (!isErrorCode(code))
      throw fail("route_not_found", `There is no error code '${code.slice(0, 64)}'.`, { hint: "All codes are at /api/docs#errors." });
    return htmlPage(problemPage(code));
  },
});

async function htmlPage(html: string): Promise<Response> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(STYLE)));
  const csp = DOCS_CSP.replace("@STYLE@", btoa(String.fromCharCode(...digest)));
  return new Response(html, {
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": csp, "cache-control": "no-cache" },
  });
}
