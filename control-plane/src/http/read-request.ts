/** What a request asks for, read once: as its handler takes it, and as the digest by which a repeat of it is known. */
import type { RouteName } from "@maestro/shared/contract/routes";
import type { Principal } from "../domain/access/principal.ts";
import { isWrite } from "./authenticate.ts";
import type { RouteContext } from "./define-route.ts";
import { digestOf } from "./idempotency.ts";
import { bodyLimitOf, inItsWords } from "./large-body.ts";
import { contextOf, type Call } from "./route-context.ts";
import { decodeBody, readBody, requireJson } from "./validate.ts";

/** Neither the body's bytes nor its text outlive this: while its handler works, what was read of it is enough. */
export async function readRequest<N extends RouteName>(
  call: Call,
  name: N,
  principal: Principal | undefined,
): Promise<{ rx: RouteContext<N>; digest: string | undefined }> {
  const { c, url } = call;
  if (!isWrite(c.req.raw)) return { rx: contextOf<N>(call, name, principal, ""), digest: undefined };
  const bytes = await readJsonBytes(c.req.raw, bodyLimitOf(name)).catch(inItsWords(name));
  const isKeyed = c.req.header("idempotency-key") !== undefined && principal !== undefined;
  const digest = isKeyed ? await digestOf(`${c.req.method}\n${url.pathname}${url.search}\n`, bytes) : undefined;
  return { rx: contextOf<N>(call, name, principal, decodeBody(bytes)), digest };
}

async function readJsonBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const typed = request.headers.get("content-type") !== null;
  if (typed) requireJson(request);
  const bytes = await readBody(request, maxBytes);
  if (!typed && bytes.byteLength > 0) requireJson(request);
  return bytes;
}
