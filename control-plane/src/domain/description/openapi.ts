/** OpenAPI 3.1, made from the table of routes: it cannot say anything else than what is mounted. */
import * as z from "zod";
import type { Access, RouteSpec } from "@maestro/shared/contract/routes";
import { ERRORS } from "@maestro/shared/errors";

type Json = { [key: string]: unknown };

export function openApi(routes: Readonly<Record<string, RouteSpec>>, origin: string, version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, spec] of Object.entries(routes)) {
    const path = spec.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [spec.method.toLowerCase()]: operation(name, spec) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Maestro",
      version,
      description: "Mission control for AI coding agents on any number of machines.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: origin }],
    tags: [...new Set(Object.values(routes).map((spec) => spec.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "An API token, mst_pat_…" },
        attempt: { type: "http", scheme: "bearer", description: "The token of an agent's attempt, mst_att_…: MAESTRO_TOKEN inside a task" },
        browser: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-maestro",
          description: "With X-Maestro-Key on every request and X-Maestro-CSRF on writes.",
        },
        host: { type: "apiKey", in: "header", name: "Authorization", description: "Maestro-Host: a host's Ed25519 signature." },
      },
      schemas: { Problem: PROBLEM },
    },
  };
}

const PROBLEM: Json = {
  type: "object",
  required: ["type", "title", "status", "detail", "code", "requestId"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", enum: Object.keys(ERRORS) },
    field: { type: "string" },
    hint: { type: "string" },
    requestId: { type: "string" },
  },
};

function operation(name: string, spec: RouteSpec): Json {
  const status = String(spec.status ?? 200);
  const result = spec.result === undefined ? {} : { content: { "application/json": { schema: schemaOf(spec.result, "output") } } };
  return {
    operationId: name,
    summary: spec.summary,
    description: accessText(spec.access),
    tags: [spec.tag],
    security: security(spec.access),
    ...(parameters(spec).length === 0 ? {} : { parameters: parameters(spec) }),
    ...(spec.body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: schemaOf(spec.body, "input") } } } }),
    responses: {
      [status]: { description: spec.summary, ...result },
      default: { description: "A refusal", content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } },
    },
    ...("role" in spec.access ? { "x-maestro-role": spec.access.role } : {}),
    ...("scope" in spec.access ? { "x-maestro-scope": spec.access.scope } : {}),
  };
}

export function accessText(access: Access): string {
  switch (access.kind) {
    case "open":
      return `Open: ${access.because}.`;
    case "user":
      return `Role ${access.role}, ${scopeText(access.scope)}${access.stepUp === true ? ", with a login not older than 10 minutes" : ""}.`;
    case "host":
      return "A host's own signature.";
    case "user-or-host":
      return `A host's own signature, or role ${access.role} with ${scopeText(access.scope)}.`;
    case "user-or-agent":
      return `Role ${access.role}, ${scopeText(access.scope)}; or the token of an agent's attempt, within what that may see.`;
  }
}

const scopeText = (scope: string | undefined): string => (scope === undefined ? "any scope" : `scope ${scope}`);

function security(access: Access): Json[] {
  switch (access.kind) {
    case "open":
      return [];
    case "user":
      return [{ token: [] }, { browser: [] }];
    case "host":
      return [{ host: [] }];
    case "user-or-host":
      return [{ token: [] }, { browser: [] }, { host: [] }];
    case "user-or-agent":
      return [{ token: [] }, { browser: [] }, { attempt: [] }];
  }
}

function parameters(spec: RouteSpec): Json[] {
  const inPath = [...spec.path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const inQuery = Object.entries(spec.query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: schemaOf(schema, "input"),
  }));
  return [...inPath, ...inQuery];
}

function schemaOf(schema: z.core.$ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: "any", reused: "inline" });
  return json;
}
