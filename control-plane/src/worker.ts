/** The Worker's entry: the HTTP app and the Durable Object classes, nothing else. */
import { app } from "./app.ts";

export { AttemptLog } from "./objects/attempt-log.ts";
export { Feed } from "./objects/feed.ts";
export { HostRelay } from "./objects/host-relay.ts";
export { Scheduler } from "./objects/scheduler.ts";

export default app;
