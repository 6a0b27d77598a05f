/** The lives of an object: put to sleep, or killed. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";

const KILLED = "killed by a test";

/** The object is taken out of memory; sockets stay. */
export async function evict(stub: DurableObjectStub): Promise<void> {
  try {
    await evictDurableObject(stub);
  } catch (error) {
    // It went to sleep by itself, which is as good.
    if (!(error instanceof Error && error.message.includes("not currently running"))) throw error;
  }
}

/** The process that held it is killed: its memory and its sockets are gone, and no close of theirs is ever told. */
export async function kill(stub: DurableObjectStub): Promise<void> {
  try {
    await runInDurableObject(stub, (_object, state) => state.abort(KILLED));
  } catch (error) {
    if (!(error instanceof Error && error.message.includes(KILLED))) throw error;
  }
}
