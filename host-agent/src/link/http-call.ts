/** One JSON call to the control plane, over the same pinned connection rules as the link. */
import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import * as z from "zod";
import { isErrorCode, maestroError, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseJson } from "../config/json.ts";
import { connectorTo, type ConnectTarget } from "./connector.ts";

export interface HttpCall extends ConnectTarget {
  method: "GET" | "POST";
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: unknown;
}
export interface HttpAnswer {
  status: number;
  json: unknown;
  retryAfterMs: number | undefined;
}

/** Larger answers are a bug or an attack. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** `err` only when no answer came; a refusal of the server is an answer. */
export const callServer = (call: HttpCall): Promise<Result<HttpAnswer>> => askServer(call, readAnswer);

/** @param take reads the answer as it comes; what it throws is the connection's end too. */
export async function askServer<T>(call: HttpCall, take: (response: IncomingMessage) => Promise<T>): Promise<Result<T>> {
  const { url, method, path, timeoutMs, signal } = call;
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  try {
    return ok(
      await new Promise<T>((resolve, reject) => {
        const send = url.protocol === "https:" ? requestHttps : requestHttp;
        const request = send(
          {
            host: url.hostname.replace(/^\[|\]$/g, ""),
            port: url.port === "" ? undefined : url.port,
            method,
            path,
            headers: {
              ...call.headers,
              accept: "application/json",
              ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
            },
            createConnection: connectorTo(call),
          },
          (response) => void take(response).then(resolve, reject),
        );
        const timer = setTimeout(
          () => request.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" })),
          timeoutMs,
        );
        const abort = () => void request.destroy(new Error("the call was given up"));
        signal?.addEventListener("abort", abort, { once: true });
        if (signal?.aborted === true) abort();
        request.once("close", () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
        });
        request.once("error", (error) => {
          // A connection that never came to be is not closed either; its timer would hold a CLI for all of its time.
          clearTimeout(timer);
          reject(error);
        });
        request.end(body);
      }),
    );
  } catch (cause) {
    return err(describeConnectFailure(url, cause));
  }
}

/** `application/problem+json` of the server in our own words' shape; anything else is `server_error`. */
export function readProblem(status: number, json: unknown): MaestroError {
  const problem = Problem.safeParse(json);
  if (problem.success && isErrorCode(problem.data.code)) {
    const { code, detail, field, hint, serverTime } = problem.data;
    return maestroError(code, detail, {
      ...(field === undefined ? {} : { field }),
      ...(hint === undefined ? {} : { hint }),
      ...(serverTime === undefined ? {} : { extra: { serverTime } }),
    });
  }
  return maestroError("server_error", `The server answered ${status} and not as Maestro does.`, {
    hint: "Is the address that of a Maestro control plane?",
  });
}

export function describeConnectFailure(url: URL, cause: unknown): MaestroError {
  if (cause instanceof MaestroFailure) return cause.error;
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  if (code === "EMFILE" || code === "ENFILE")
    return maestroError("descriptors_exhausted", `No file descriptor left to dial ${url.origin}.`, { hint: "Raise `ulimit -n`." });
  const certificate = code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO_/.test(code);
  return maestroError(
    "server_unreachable",
    `${url.origin} cannot be reached: ${code ?? (cause instanceof Error ? cause.message : "connection failed")}.`,
    {
      hint: certificate
        ? "Its certificate is not trusted here. Use the join line with its fingerprint."
        : code === "ECONNREFUSED" && isThisMachine(url)
          ? "Nothing listens there now. Start it: maestro up"
          : "Check the address, and that the control plane runs.",
    },
  );
}

const isThisMachine = ({ hostname }: URL): boolean => hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");

const Problem = z.looseObject({
  code: z.string(),
  detail: z.string(),
  field: z.string().optional(),
  hint: z.string().optional(),
  serverTime: z.union([z.string(), z.number()]).optional(),
});

export async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const part: Buffer = Buffer.from(chunk);
    bytes += part.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(part);
  }
  return {
    status: response.statusCode ?? 0,
    json: parseJson(Buffer.concat(chunks).toString("utf8")),
    retryAfterMs: readRetryAfter(response.headers["retry-after"], Date.now()),
  };
}

/** Seconds or an HTTP date, as milliseconds from now; at most five minutes, so that nobody can park a host. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 300_000) : undefined;
}
