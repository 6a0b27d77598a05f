/** Changes of the shared state, one after the other, and none twice; what changed while nothing was heard is looked up. */
import { ROUTES } from "@maestro/shared/contract/routes";
import { StateChange } from "@maestro/shared/contract/state";
import { parseJson } from "../../config/json.ts";
import type { ApiClient } from "../api/client.ts";
import { breakWhenSilent, patiently, rest, type Patience } from "../api/patience.ts";
import { LineSplitter } from "../logs/lines.ts";
import { ServerRefusal } from "../render/failure.ts";

/** Versions by key; they only rise, also of a key that was deleted and comes back. */
type Known = Map<string, number>;

/** Ends when interrupted. */
export async function* watchState(client: ApiClient, prefix: string | undefined, patience: Patience): AsyncGenerator<StateChange> {
  const { signal } = patience;
  const watch = () => client.raw(ROUTES.state, { query: { prefix, watch: "true" }, signal }, { accept: "application/x-ndjson" });
  let known: Known | undefined;
  for (let quiet = 0; ; quiet++) {
    try {
      // First the watch, then the look: nothing falls between them.
      const { body } = await patiently(patience, watch);
      const now = await look(client, prefix, patience);
      const lookedUp = known === undefined ? [] : missed(known, now);
      known = now;
      for (const change of lookedUp) yield await withValue(client, change, patience);
      const told = new Map(lookedUp.map(({ key, version }) => [key, version]));
      breakWhenSilent(body, patience);
      for await (const change of changesIn(body)) {
        quiet = 0;
        if (change.version <= (told.get(change.key) ?? 0)) continue;
        if (change.op === "set") known.set(change.key, change.version);
        else known.delete(change.key);
        yield change;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isBroken(error)) throw error;
    }
    // The server ends a watch now and then, so that nothing is held awake by it.
    if (signal.aborted) return;
    await rest(patience, quiet);
  }
}

async function look(client: ApiClient, prefix: string | undefined, patience: Patience): Promise<Known> {
  const entries = await patiently(patience, () => client.all("state", { query: { prefix }, signal: patience.signal }));
  return new Map(entries.map(({ key, version }) => [key, version]));
}

function missed(before: Known, now: Known): StateChange[] {
  const gone = [...before].filter(([key]) => !now.has(key)).map(([key, version]) => ({ key, version, op: "delete" as const }));
  const set = [...now]
    .filter(([key, version]) => before.get(key) !== version)
    .map(([key, version]) => ({ key, version, op: "set" as const }));
  return [...gone, ...set];
}

/** Without one where it went away meanwhile: then that change follows. */
async function withValue(client: ApiClient, change: StateChange, patience: Patience): Promise<StateChange> {
  if (change.op !== "set") return change;
  try {
    const { value, version } = await patiently(patience, () =>
      client.call("stateGet", { params: { key: change.key }, signal: patience.signal }),
    );
    return { ...change, version, ...(value === undefined ? {} : { value }) };
  } catch (error) {
    if (error instanceof ServerRefusal && error.problem.code === "key_not_found") return change;
    throw error;
  }
}

/** Of a body that ended early, not of a refusal. */
const isBroken = (error: unknown): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("E");

async function* changesIn(body: AsyncIterable<Buffer>): AsyncGenerator<StateChange> {
  const splitter = new LineSplitter();
  let at = 0;
  for await (const part of body) {
    for (const { line } of splitter.write(at, part)) {
      const change = StateChange.safeParse(parseJson(line));
      if (change.success) yield change.data;
    }
    at += part.byteLength;
  }
}
