/** `maestro api`. */
import { EXIT, fail } from "@maestro/shared/errors";
import { ROUTES, type RouteSpec } from "@maestro/shared/contract/routes";
import { parseJson } from "../../config/json.ts";
import { readText } from "../api/http.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export const api = defineCommand({
  group: "run",
  name: "api",
  summary: "Call any path of the API; the answer is printed as it came, escaped at a terminal",
  flags: { data: flag.text("the JSON body; - for standard input", "json") },
  params: { method: param.required("GET, POST, PUT, PATCH or DELETE"), path: param.required("e.g. /api/v1/hosts; /hosts is short for it") },
  examples: ["maestro api GET /api/v1/hosts", `maestro api POST /api/v1/sessions --data '{"name":"build"}'`],
  async run({ api: client, out, io, timeoutMs }, { params, flags }) {
    const method = METHODS.find((known) => known === params.method.toUpperCase());
    if (method === undefined)
      throw fail("usage", `'${params.method.slice(0, 16)}' is not a method.`, { field: "method", hint: `One of ${METHODS.join(", ")}.` });
    if (!params.path.startsWith("/"))
      throw fail("usage", "The path begins with a slash.", { field: "path", hint: "For example: /api/v1/hosts" });
    const asked = wholePath(params.path);
    const text = flags.data === "-" ? await readAllText(io.stdin) : flags.data;
    const body = text === undefined ? undefined : parseJson(text);
    if (text !== undefined && body === undefined) throw fail("json_invalid", "--data is not JSON.", { field: "data" });
    // An unknown path is the server's to refuse; what needs no token may be asked without one.
    const open = Object.values(ROUTES).some(
      (route: RouteSpec) => route.method === method && route.path === asked && route.access.kind === "open",
    );
    const route = {
      method,
      path: asked.replaceAll(":", "%3A"),
      access: open
        ? { kind: "open" as const, because: "as asked" }
        : { kind: "user" as const, role: "viewer" as const, scope: "hosts:read" as const },
    };
    const answer = await client().raw(route, body === undefined ? {} : { body });
    const answered = await readText(answer.body, timeoutMs);
    const isJson = /[/+]json\b/.test(answer.headers["content-type"] ?? "");
    if (answered !== "") out.foreign(answered.endsWith("\n") ? answered : `${answered}\n`, isJson);
    return EXIT.ok;
  },
});

/** What stands where no route of the server does is the console, which answers every path with itself. */
function wholePath(path: string): string {
  const first = (text: string): string | undefined => text.split(/[/?]/)[1];
  return Object.values(ROUTES).some((route: RouteSpec) => first(route.path) === first(path)) ? path : `/api/v1${path}`;
}

async function readAllText(stdin: NodeJS.ReadStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}
