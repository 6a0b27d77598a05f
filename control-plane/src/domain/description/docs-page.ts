/** The API as one readable page: no script, no outside resource, all text escaped. */
import * as z from "zod";
import type { RouteSpec } from "@maestro/shared/contract/routes";
import { ERRORS, type ErrorCode } from "@maestro/shared/errors";
import { accessText } from "./openapi.ts";

/** Nothing but this page's own style may load. */
export const DOCS_CSP = "default-src 'none'; style-src 'sha256-@STYLE@'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const STYLE = `:root{color-scheme:light dark;--line:#8884;--dim:#6b7280;--accent:#2563eb}
body{font:16px/1.55 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:2rem 1rem 6rem}
h1{font-size:1.7rem}h2{margin-top:3rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
article{margin:1.6rem 0}h3{font-size:1rem;margin:0}code,pre{font-family:ui-monospace,monospace;font-size:.875em}
.method{display:inline-block;min-width:4.2em;color:var(--accent);font-weight:700}p{margin:.3rem 0}.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:.9em}td,th{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line)}
nav a{margin-right:1rem}a{color:var(--accent)}`;

const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head><body>${body}</body></html>`;

export function docsPage(routes: Readonly<Record<string, RouteSpec>>, version: string): string {
  const tags = [...new Set(Object.values(routes).map((spec) => spec.tag))];
  const sections = tags.map((tag) => {
    const ofTag = Object.entries(routes).filter(([, spec]) => spec.tag === tag);
    return `<h2 id="${escape(tag)}">${escape(tag)}</h2>${ofTag.map(([name, spec]) => article(name, spec)).join("")}`;
  });
  return page(
    "Maestro API",
    `<h1>Maestro API <span class="dim">${escape(version)}</span></h1>
<p>JSON in and out. Send <code>Authorization: Bearer mst_pat_…</code>. Lists are <code>{items, nextCursor?}</code>; times are ISO-8601 UTC; writes accept <code>Idempotency-Key</code>.
Refusals are <code>application/problem+json</code> with a <a href="#errors">code</a>. For machines: <a href="/api/v1/openapi.json">OpenAPI 3.1</a>.</p>
<nav>${tags.map((tag) => `<a href="#${escape(tag)}">${escape(tag)}</a>`).join("")}<a href="#errors">errors</a></nav>
${sections.join("")}<h2 id="errors">errors</h2>${errorTable()}`,
  );
}

function article(name: string, spec: RouteSpec): string {
  return `<article id="${escape(name)}"><h3><span class="method">${spec.method}</span> <code>${escape(spec.path)}</code></h3><p>${escape(spec.summary)}.</p><p class="dim">${escape(accessText(spec.access))}</p>
${fields("Query", spec.query)}${fields("Body", spec.body)}${fields("Answer", spec.result)}</article>`;
}

function fields(title: string, schema: z.ZodType | undefined): string {
  if (!(schema instanceof z.ZodObject)) return "";
  const rows = Object.entries(schema.shape).map(
    ([name, field]) => `<tr><td><code>${escape(name)}</code></td><td>${escape(typeText(field))}</td></tr>`,
  );
  return rows.length === 0 ? "" : `<table><tr><th colspan="2">${title}</th></tr>${rows.join("")}</table>`;
}

function typeText(schema: z.core.$ZodType): string {
  const optional = schema instanceof z.ZodOptional;
  const { type, enum: values, items, const: fixed, maximum, maxLength } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const shown = Array.isArray(values)
    ? values.join(" | ")
    : fixed !== undefined
      ? JSON.stringify(fixed)
      : Array.isArray(type)
        ? type.join(" | ")
        : (type ?? (items === undefined ? "see OpenAPI" : "array"));
  const bound =
    maxLength !== undefined
      ? `, at most ${maxLength} characters`
      : maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
        ? `, at most ${maximum}`
        : "";
  return `${shown}${bound}${optional ? " (optional)" : ""}`;
}

function errorTable(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, title, exit, retryable }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${escape(title)}</td><td>${exit}</td><td>${retryable === true ? "yes" : "no"}</td></tr>`,
  );
  return `<table><tr><th>code</th><th>HTTP</th><th>meaning</th><th>exit code of the CLI</th><th>may succeed later</th></tr>${rows.join("")}</table>`;
}

export function problemPage(code: ErrorCode): string {
  const { status, title, exit, retryable } = ERRORS[code];
  return page(
    title,
    `<h1>${escape(title)}</h1><p><code>${code}</code> · HTTP ${status} · exit code ${exit} of the CLI</p>
<p>${retryable === true ? "The same request may succeed later." : "The same request will be refused again: change something first."} The answer's <code>detail</code> says what was wrong, <code>hint</code> what to do.</p><p><a href="/api/docs#errors">All codes</a></p>`,
  );
}
