import { type MaestroError } from "@maestro/shared/errors";
import { type Result } from "@maestro/shared/result";
import { type ConnectTarget } from "./connector.ts";
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
/** `err` only when no answer came; a refusal of the server is an answer. */
export declare function callServer(call: HttpCall): Promise<Result<HttpAnswer>>;
/** `application/problem+json` of the server in our own words' shape; anything else is `server_error`. */
export declare function readProblem(status: number, json: unknown): MaestroError;
export declare function describeConnectFailure(url: URL, cause: unknown): MaestroError;
/** Seconds or an HTTP date, as milliseconds from now; at most five minutes, so that nobody can park a host. */
export declare function readRetryAfter(header: string | undefined, nowMs: number): number | undefined;
