/** Agent types: what hosts report, joined with what was registered here. */
import { maestroError, MaestroFailure } from "@maestro/shared/errors";
import type { AgentTypeRow } from "@maestro/shared/contract/resources";
import { insertAgentType, listAgentTypes, type AgentTypeDbRow } from "../db/agent-types.ts";
import { listHosts } from "../db/hosts.ts";
import { WHOLE } from "../db/page.ts";
import { mayTouchHost } from "../domain/access/permissions.ts";
import { checkAgentType } from "../domain/fleet/launch.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { presentOf } from "./present-hosts.ts";

export const agentTypeRoutes = defineRoutes({
  async agentTypes(rx) {
    const [present, registered, hosts] = await Promise.all([
      presentOf(rx),
      listAgentTypes(rx.db, rx.fleet),
      listHosts(rx.db, rx.fleet, WHOLE),
    ]);
    const names = new Map(hosts.rows.filter(({ name }) => mayTouchHost(rx.principal, name)).map(({ id, name }) => [String(id), name]));
    const rows = new Map<string, AgentTypeRow>(registered.map((type) => [type.slug, registeredRow(type)]));
    for (const { host, types } of present) {
      const name = names.get(host);
      if (name === undefined) continue;
      for (const report of types) {
        const { slug, adapter, mode, source, capabilities } = report;
        const row = rows.get(slug) ?? { slug, adapter, source, capabilities, hosts: [], ...(mode === undefined ? {} : { mode }) };
        row.hosts.push({ host, name, report });
        rows.set(slug, row);
      }
    }
    // One that was registered here is found where its agent's CLI is.
    for (const row of rows.values())
      if (row.source === "api")
        row.hosts = (rows.get(row.adapter)?.hosts ?? []).map(({ report, ...where }) => ({
          ...where,
          report: { ...report, slug: row.slug, source: "api" },
        }));
    const { limit, after } = await rx.page();
    const sorted = [...rows.values()]
      .sort((a, b) => a.slug.localeCompare(b.slug))
      .filter(({ slug }) => after === undefined || slug.localeCompare(after) > 0);
    const shown = sorted.slice(0, limit);
    return rx.list({ rows: shown, next: sorted.length > limit ? shown.at(-1)?.slug : undefined }, (row) => row);
  },

  async agentTypeCreate(rx) {
    const type = unwrap(checkAgentType(rx.body));
    const reporters = (await presentOf(rx)).filter(({ types }) => types.some(({ slug, source }) => slug === type.slug && source !== "api"));
    if (reporters.length > 0) {
      throw new MaestroFailure(
        maestroError("agent_type_exists", `A host already has an agent type '${type.slug}'.`, {
          field: "slug",
          hint: "Choose another slug, or change its file on that host.",
        }),
      );
    }
    await rx.audit(type.slug);
    const row = await insertAgentType(rx.db, rx.fleet, type, rx.nowMs);
    await rx.feed.append([{ type: "types.changed", subject: type.slug, summary: `Agent type '${type.slug}' was registered.` }]);
    return registeredRow(row);
  },
});

function registeredRow({ slug, definition }: AgentTypeDbRow): AgentTypeRow {
  const { adapter = "kilo", mode, capabilities = [] } = definition;
  return { slug, adapter, source: "api", capabilities, hosts: [], ...(mode === undefined ? {} : { mode }) };
}
