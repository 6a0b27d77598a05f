/** What the ssh_config of a linked host names, for whoever may add remote hosts over it [SSH8]. */
import type { HostSshConfig } from "@maestro/shared/contract/ssh-config";
import { asCarrier } from "../domain/fleet/remote-host.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { askCarrier } from "./ask-carrier.ts";
import { wholeHost } from "./placed-sessions.ts";

export const hostSshConfigRoutes = defineRoutes({
  async hostSshConfig(rx): Promise<HostSshConfig> {
    const carrier = unwrap(asCarrier(await wholeHost(rx, rx.params.id)));
    await rx.audit(carrier.name);
    return askCarrier(rx, carrier, "host.ssh-config", { t: "host.ssh-config" }, "does not tell what its ssh_config names");
  },
});
