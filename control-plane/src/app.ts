/** The only place routes are mounted. A row of the shared table without a handler does not compile. */
import { mountRoutes } from "./http/mount.ts";
import { agentResetRoutes } from "./routes/agent-reset.ts";
import { agentTypeRoutes } from "./routes/agent-types.ts";
import { agentRoutes } from "./routes/agents.ts";
import { auditRoutes } from "./routes/audit.ts";
import { bootstrapRoutes } from "./routes/bootstrap.ts";
import { descriptionRoutes } from "./routes/description.ts";
import { eventRoutes } from "./routes/events.ts";
import { groomRoutes } from "./routes/grooms.ts";
import { healthRoutes } from "./routes/health.ts";
import { hostFileRoutes } from "./routes/host-files.ts";
import { hostSshConfigRoutes } from "./routes/host-ssh-config.ts";
import { hostRoutes } from "./routes/hosts.ts";
import { installRoutes } from "./routes/install.ts";
import { joinRoutes } from "./routes/joins.ts";
import { loginRoutes } from "./routes/login.ts";
import { memberRoutes } from "./routes/members.ts";
import { queueRoutes } from "./routes/queue.ts";
import { remoteHostRoutes } from "./routes/remote-hosts.ts";
import { secretRoutes } from "./routes/secrets.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { socketRoutes } from "./routes/sockets.ts";
import { stateRoutes } from "./routes/state.ts";
import { taskImageRoutes } from "./routes/task-images.ts";
import { taskLogRoutes } from "./routes/task-logs.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { ticketRoutes } from "./routes/tickets.ts";
import { tokenRoutes } from "./routes/tokens.ts";

export const app = mountRoutes({
  ...bootstrapRoutes,
  ...loginRoutes,
  ...tokenRoutes,
  ...memberRoutes,
  ...ticketRoutes,
  ...hostRoutes,
  ...remoteHostRoutes,
  ...hostFileRoutes,
  ...hostSshConfigRoutes,
  ...joinRoutes,
  ...agentRoutes,
  ...agentResetRoutes,
  ...agentTypeRoutes,
  ...groomRoutes,
  ...sessionRoutes,
  ...socketRoutes,
  ...taskRoutes,
  ...taskImageRoutes,
  ...taskLogRoutes,
  ...queueRoutes,
  ...stateRoutes,
  ...secretRoutes,
  ...eventRoutes,
  ...auditRoutes,
  ...healthRoutes,
  ...descriptionRoutes,
  ...installRoutes,
});
