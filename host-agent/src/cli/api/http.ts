/** One HTTP exchange with the control plane, over the pinned connection rules that the link uses too. */
import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { connectorTo } from "../../link/connector.ts";
import { describeConnectFailure } from "../../link/http-call.ts";

export interface Exchange {
  url: URL;
  pin: string | undefined;
  method: string;
  /** With the query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
  /** Until the headers of the answer, and again for its body. */
  timeoutMs: number;
  /** Ends it, also while its answer streams. */
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: IncomingMessage;
}

/** Larger answers are a bug or an attack. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export async function exchange(call: Exchange): Promise<Answer> {
  const { url, pin, timeoutMs } = call;
  const stop = call.signal === undefined ? {} : { signal: call.signal };
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const prefix = url.pathname === "/" ? "" : url.pathname.replace(/\/$/, "");
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const request = send({
        host,
        port: url.port === "" ? undefined : url.port,
        method: call.method,
        path: prefix + call.path,
        headers: { ...call.headers, ...(call.body === undefined ? {} : { "content-length": Buffer.byteLength(call.body) }) },
        createConnection: connectorTo({ url, timeoutMs, ...stop, ...(pin === undefined ? {} : { pin }) }),
        ...stop,
      });
      const timer = setTimeout(() => {
        request.destroy(
          fail("timeout", `${url.origin} did not answer within ${Math.round(timeoutMs / 1000)} s.`, {
            hint: "Try again, or give it longer with --timeout.",
          }),
        );
      }, timeoutMs);
      request.once("response", (response) => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response });
      });
      request.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      request.end(call.body);
    });
  } catch (cause) {
    throw new MaestroFailure(describeConnectFailure(url, cause), { cause });
  }
}

export async function readText(body: IncomingMessage, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => body.destroy(fail("timeout", "The answer stopped half-way.")), timeoutMs);
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of body) {
      const chunk = Buffer.from(part);
      bytes += chunk.byteLength;
      if (bytes > MAX_ANSWER_BYTES) throw fail("server_error", `The answer is larger than ${MAX_ANSWER_BYTES} bytes.`);
      parts.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof MaestroFailure) throw cause;
    throw fail("server_unreachable", "The connection broke before the answer was whole.", { hint: "Try again." }, cause);
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(parts).toString("utf8");
}
