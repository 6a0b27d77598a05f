/** The platform's rate limits as refusals. Their period is a minute; that is also what Retry-After says. */
import { fail } from "@maestro/shared/errors";

export const RETRY_AFTER_SECONDS = 60;

/** @param who whose allowance is used: an address or a credential. */
export async function takeAllowance(limiter: RateLimit, who: string, what: string): Promise<void> {
  const { success } = await limiter.limit({ key: who });
  if (!success)
    throw fail("rate_limited", `Too many ${what} from here.`, {
      hint: "Wait a minute, then try again.",
      extra: { retryAfterSeconds: RETRY_AFTER_SECONDS },
    });
}
