/** [LG1] A log that nobody follows comes in large pieces and at its end: before it is read it is followed for a moment, and what there is comes. */
import { CLOSE } from "@maestro/shared/protocol/close-codes";
import { CONTEXT_HEADER } from "../domain/access/socket-context.ts";
import type { AttemptLog } from "../objects/attempt-log.ts";
import type { LogContext } from "../objects/attempt-log/context.ts";
import { relayOf } from "../objects/relay-call.ts";

/** So long a host may take to begin, ms. */
const LOOK_MS = 500;
/** After which nothing more comes, ms: what waited was sent in one go. */
const QUIET_MS = 50;
/** Of a log that grows all the time, what came by then is enough, ms. */
const ENOUGH_MS = 1_000;

export interface CatchUpDeps {
  env: Env;
  /** Scales the waits. */
  timeScale: number;
}

/** Of a host that is away, or whose relay cannot be asked, what is here is all there is to read. */
export async function catchUp(
  log: DurableObjectStub<AttemptLog>,
  whose: Omit<LogContext, "kind" | "offset">,
  { env, timeScale }: CatchUpDeps,
): Promise<void> {
  const { available, followed, complete } = await log.state();
  if (followed || complete || !(await isLinked(env, whose))) return;
  const context: LogContext = { ...whose, kind: "log", offset: available };
  const answer = await log.fetch("https://log/", { headers: { upgrade: "websocket", [CONTEXT_HEADER]: JSON.stringify(context) } });
  // Too many follow it: then it comes without us.
  if (answer.webSocket !== null) await untilQuiet(answer.webSocket, timeScale);
}

const isLinked = (env: Env, { fleet, host }: Pick<LogContext, "fleet" | "host">): Promise<boolean> =>
  relayOf(env, fleet, host)
    .linked()
    .catch(() => false);

/** Owns the socket. */
export function untilQuiet(socket: WebSocket, timeScale: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(patience);
      clearTimeout(enough);
      socket.close(CLOSE.normal, "done");
      resolve();
    };
    const enough = setTimeout(done, ENOUGH_MS * timeScale);
    let patience = setTimeout(done, LOOK_MS * timeScale);
    socket.addEventListener("message", ({ data }) => {
      // A word is of its end.
      if (typeof data === "string") return done();
      clearTimeout(patience);
      patience = setTimeout(done, QUIET_MS * timeScale);
    });
    socket.addEventListener("close", done);
    socket.addEventListener("error", done);
    socket.accept();
  });
}
