/** The table of all commands. */
import type { Command } from "./command.ts";
import { api } from "./commands/api-call.ts";
import * as access from "./commands/access.ts";
import * as agent from "./commands/agent.ts";
import { agentHealth } from "./commands/agent-health.ts";
import { agentGroom } from "./commands/agent-groom.ts";
import { agentReset } from "./commands/agent-reset.ts";
import { agentSet } from "./commands/agent-set.ts";
import { cleanup, workspaceClean } from "./commands/cleanup.ts";
import * as config from "./commands/config.ts";
import { completionCommand } from "./commands/completion.ts";
import { doctor } from "./commands/doctor.ts";
import * as host from "./commands/host.ts";
import { hostCheck } from "./commands/host-check.ts";
import { hostRotateKey } from "./commands/host-key.ts";
import { hostJoin, hostRun } from "./commands/host-local.ts";
import { hostImport } from "./commands/host-import.ts";
import { hostAdd, hostEdit } from "./commands/host-remote.ts";
import { controlPlane, holder, hostTerminal } from "./commands/internal.ts";
import { hostInstall, hostUninstall } from "./commands/service.ts";
import { logs } from "./commands/logs.ts";
import { queueStatus } from "./commands/queue.ts";
import * as secret from "./commands/secret.ts";
import * as session from "./commands/session.ts";
import { shutdown } from "./commands/shutdown.ts";
import * as state from "./commands/state.ts";
import * as task from "./commands/task.ts";
import { syncIssues, syncTodo } from "./commands/sync.ts";
import { taskDispatch } from "./commands/task-dispatch.ts";
import { events, status } from "./commands/status.ts";
import { down, up } from "./commands/up.ts";

export const COMMANDS: readonly Command[] = [
  up,
  down,
  shutdown,
  access.login,
  access.open,
  status,
  doctor,
  api,
  completionCommand(() => COMMANDS),
  config.configGet,
  config.configSet,
  config.configReset,
  hostJoin,
  host.hostInvite,
  hostRun,
  hostInstall,
  hostUninstall,
  hostRotateKey,
  hostAdd,
  hostEdit,
  hostImport,
  hostCheck,
  host.hostList,
  host.hostShow,
  host.hostDrain,
  host.hostResume,
  host.hostUnlock,
  host.hostRemove,
  agent.agentRegister,
  agent.agentAssign,
  agentSet,
  agent.agentList,
  agent.agentShow,
  agent.agentStart,
  agent.agentStop,
  agent.agentRestart,
  agentReset,
  agentGroom,
  agent.agentAttach,
  agent.agentRemove,
  agentHealth,
  workspaceClean,
  session.sessionList,
  session.sessionNew,
  session.sessionAttach,
  session.sessionScreen,
  session.sessionKill,
  taskDispatch,
  syncTodo,
  syncIssues,
  task.taskStatus,
  task.taskList,
  task.taskWait,
  task.taskCancel,
  task.taskRetry,
  logs,
  cleanup,
  queueStatus,
  state.stateSet,
  state.stateGet,
  state.stateList,
  state.stateDelete,
  state.stateWatch,
  state.stateFlush,
  state.redisFlush,
  secret.secretSet,
  secret.secretList,
  secret.secretDelete,
  events,
  access.tokenCreate,
  access.tokenList,
  access.tokenRevoke,
  access.audit,
  controlPlane,
  holder,
  hostTerminal,
];
