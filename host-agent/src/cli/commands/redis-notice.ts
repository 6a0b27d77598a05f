/** What the seeds' store was configured with has no use here; whoever set it is told. */
import type { Context } from "../context.ts";

export function noticeRedis({ io, out }: Pick<Context, "io" | "out">): void {
  if ((io.env["MAESTRO_REDIS_URL"] ?? "") !== "") out.note("MAESTRO_REDIS_URL is not used: state lives in the control plane.");
}
