/** The audit log, in order, as the Feed keeps it. */
import { fail } from "@maestro/shared/errors";
import { defineRoutes } from "../http/define-route.ts";

export const auditRoutes = defineRoutes({
  async audit(rx) {
    const ask = await rx.page();
    const after = ask.after === undefined ? (rx.query.after ?? 0) : Number(ask.after);
    if (!Number.isSafeInteger(after)) throw fail("cursor_invalid", "The cursor is no position of the log.", { field: "cursor" });
    const records = await rx.feed.auditList(after, ask.limit + 1);
    const rows = records.slice(0, ask.limit);
    return rx.list({ rows, next: records.length > ask.limit ? String(rows.at(-1)?.seq ?? after) : undefined }, (record) => record);
  },
});
