/** Calls from routes to the log of an attempt. */
import type { AttemptLog } from "./attempt-log.ts";

export const logName = (fleet: string, attempt: string): string => `${fleet}/${attempt}`;

export const logOf = ({ env, fleet }: { env: Env; fleet: string }, attempt: string): DurableObjectStub<AttemptLog> =>
  env.ATTEMPT_LOG.getByName(logName(fleet, attempt));
