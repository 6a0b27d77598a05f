/** The platform's rate limits as refusals. Their period is a minute; that is also what Retry-After says. */
import { fail } from "@maestro/shared/errors";
import type { Config } from "../config.ts";

export const RETRY_AFTER_SECONDS = 60;

export type LimitBinding = "RATE_LOGIN" | "RATE_JOIN" | "RATE_CREDENTIAL" | "RATE_FAILED";

export interface LimitPlace {
  env: Env;
  config: Pick<Config, "limiters">;
}

/** @param who whose allowance is used: an address or a credential. */
export async function takeAllowance({ env, config }: LimitPlace, binding: LimitBinding, who: string, what: string): Promise<void> {
  const { success } = await (config.limiters[binding] ?? env[binding]).limit({ key: who });
  if (!success)
    throw fail("rate_limited", `Too many ${what} from here.`, {
      hint: "Wait a minute, then try again.",
      extra: { retryAfterSeconds: RETRY_AFTER_SECONDS },
    });
}
