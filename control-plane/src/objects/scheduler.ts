/** One per fleet: every task of it, who runs what, and what happens next. */
import { DurableObject } from "cloudflare:workers";

export class Scheduler extends DurableObject<Env> {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;
}
