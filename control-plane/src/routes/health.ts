/** Whether the server answers. */
import { VERSIONS } from "@maestro/shared/protocol/version";
import { isBootstrapped } from "../db/fleets.ts";
import { defineRoutes } from "../http/define-route.ts";
import { VERSION } from "../version.ts";

export const healthRoutes = defineRoutes({
  async health(rx) {
    return {
      status: "ok" as const,
      version: VERSION,
      bootstrapped: await isBootstrapped(rx.db),
      protocol: VERSIONS,
      time: new Date(rx.nowMs).toISOString(),
    };
  },
});
