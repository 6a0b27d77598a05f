/** What authentication works with; the same for each way of proving who asks. */
import type { FleetId } from "@maestro/shared/ids";
import type { Config } from "../config.ts";
import type { Db } from "../db/client.ts";

/** Who a request turned out to be, for the audit log: known before it is allowed, and also when it is not. */
export interface Identity {
  fleet: FleetId;
  actor: string;
  credential: string;
}

export interface AuthInput {
  request: Request;
  url: URL;
  config: Config;
  db: Db;
  nowMs: number;
  /** Counts a failed proof against the credential it named; throws `rate_limited` when there were too many. */
  countFailure(credential: string): Promise<void>;
  /** Called as soon as a proof holds, before expiry, revocation and rights are looked at. */
  identified(identity: Identity): void;
}
