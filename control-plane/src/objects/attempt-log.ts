/** One per attempt: the bytes of its log by offset, and who follows them. [LG] Hibernates: rows and attachments are all there is. */
import { DurableObject } from "cloudflare:workers";

export class AttemptLog extends DurableObject<Env> {
  /** Tests move it; everything here asks it for the time. */
  now: () => number = Date.now;

  /** Its task is forgotten. */
  async erase(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }
}
