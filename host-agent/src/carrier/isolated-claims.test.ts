/** What is being made ready stays while another is cleaned up, and counts no longer than there is somebody to work in it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { err, ok } from "@maestro/shared/result";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { silentLog } from "../daemon/log.ts";
import { openPolicy } from "../daemon/policy.ts";
import { systemClock, type Clock } from "../daemon/clock.ts";
import { VirtualClock } from "../daemon/testing/virtual-clock.ts";
import type { Entry } from "../tasks/attempt-entry.ts";
import { AttemptStore } from "../tasks/attempt-store.ts";
import { specOf } from "../tasks/testing/task-host.ts";
import { createElsewhere } from "./elsewhere.ts";
import { IsolatedEngine } from "./isolated-engine.ts";
import { createIsolated } from "./isolated-work.ts";
import { Places } from "./place.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { LocalShell } from "./testing/local-shell.ts";

const HOST = "hst_claims";
const type = { slug: "boxed", adapter: "custom", isolate_with: "docker", image: "busybox" } as const;
const first = specOf(["true"], { attempt: "att_1" });
const second = specOf(["true"], { attempt: "att_2" });
const { signal: never } = new AbortController();

let root = "";
let store: AttemptStore;
beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), "mclaim-"));
  store = new AttemptStore(path.join(root, "attempts"), () => {});
  for (const spec of [first, second]) await store.accept(spec, 1, "b");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** @param engine what it says to each, when it does. What is inside is a shell beside us. */
function host(engine: (what: string, args: readonly string[]) => Promise<string>, clock: Clock = systemClock) {
  const common = { clock, timeScale: clock === systemClock ? 0.001 : 1, log: silentLog };
  const machine: RemoteShell = {
    run: async (_script, [what = "", , , ...args]) =>
      ok({ exit: { type: "exit", code: 0 }, stdout: Buffer.from(await engine(what, args)), stderr: "" }),
    open: () => Promise.reject(new Error("nothing is opened")),
  };
  const inside = new LocalShell(root);
  const places = new Places({
    ...common,
    shellOf: () => inside,
    prelude: "",
    typeDirs: [],
    policy: openPolicy,
    ownEnv: {},
    record: { env: {} },
  });
  const workspace = path.join(root, "work");
  const work = new IsolatedEngine({ shell: machine, base: root, host: HOST });
  const isolated = createIsolated({
    ...common,
    engine: work,
    store,
    sessions: () => new Set(),
    places,
    catalogue: () => new TypeCatalogue([], { detect: () => Promise.reject(new Error("nothing is detected")) }, () => undefined),
    prepare: async () => ok({ workspace, kind: "path" }),
    removeWorkspace: async () => ({ outcome: "removed" }),
    signal: never,
  });
  const container = work.nameOf(workspace);
  const note = { workspace, kind: "path", adapter: "custom", bootId: "b", container, isolated: true } as const;
  const plan = (spec = second, cancelled = never) => isolated.plan(spec, type, {}, path.join(root, "log"), [], cancelled);
  return { ...common, isolated, places, inside, note, plan };
}

const ready = async (what: string) => (what === "ensure" ? "ready" : "removed");

test("one that is made ready while a cleanup of another waits for that is not removed by it", async () => {
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const said: string[] = [];
  const { isolated, note, plan } = host(async (what) => {
    said.push(what);
    if (what === "ensure") {
      asked.resolve();
      await goOn.promise;
    }
    return ready(what);
  });
  const planning = plan();
  await asked.promise;
  // It is not claimed yet.
  expect(isolated.refuseRemoval(note, "att_1")).toBeUndefined();
  const removing = isolated.remove(note, first);
  goOn.resolve();
  expect(await removing).toEqual({ outcome: "kept", detail: expect.stringContaining("Work goes on or is about to begin") });
  expect(await planning).toMatchObject({ ok: true });
  expect(said).toEqual(["ensure"]);
});

test("what nobody works in is removed", async () => {
  const { isolated, note } = host(ready);
  store.noteLaunch("att_1", note, undefined);
  expect(await isolated.remove(note, first)).toEqual({ outcome: "removed" });
});

test("one that could not be removed goes once nobody has used it for a while", async () => {
  const waits = Promise.withResolvers<void>();
  const clock = new (class extends VirtualClock {
    override after(ms: number, run: () => void) {
      waits.resolve();
      return super.after(ms, run);
    }
  })();
  const removals: string[] = [];
  const { isolated, note } = host(async (what, [, how = ""]) => {
    if (what === "list") return `container ${note.container}`;
    removals.push(how);
    return how === "all" ? "failed busy" : "removed";
  }, clock);
  const stopped = new AbortController();
  const running = isolated.run(stopped.signal);
  // It has been seen.
  await waits.promise;
  expect(await isolated.remove(note, first)).toMatchObject({ outcome: "kept" });
  const minuteLater = () => {
    clock.advance(60_000);
    return removals;
  };
  await expect.poll(minuteLater, { interval: 5 }).toEqual(["all", "spent"]);
  stopped.abort();
  await running;
});

// As where the end of an attempt cannot be written down: nothing on disk says that it is over.
test("one whose work could not be planned is nobody's", async () => {
  const { isolated, note, plan } = host(ready);
  expect(await plan({ ...second, secretNames: ["KEY"] })).toMatchObject({ ok: false });
  expect(isolated.refuseRemoval(note, "att_1")).toBeUndefined();
});

test("one whose work is cancelled before it is launched is nobody's", async () => {
  const { isolated, note, plan } = host(ready);
  const cancel = new AbortController();
  expect(await plan(second, cancel.signal)).toMatchObject({ ok: true });
  expect(isolated.refuseRemoval(note, "att_1")).toMatchObject({ code: "workspace_busy" });
  cancel.abort();
  expect(isolated.refuseRemoval(note, "att_1")).toBeUndefined();
});

test("one whose work could not be launched is nobody's", async () => {
  const { isolated, places, inside, note, plan, ...common } = host(ready);
  const elsewhere = createElsewhere({
    ...common,
    store,
    isolated,
    placeOf: () => places.container(note.container),
    logs: { ended: () => Promise.reject(new Error("nothing ends")), open: () => {} },
    outcome: async () => ({}),
    logLimitBytes: 1024,
    offsetMs: () => 0,
    bootId: "b",
    passed: () => {},
    signal: never,
  });
  const planned = await plan();
  if (!planned.ok) throw new Error(planned.error.detail);
  places.forget(note.container);
  inside.run = async () => err(maestroError("container_not_running", "It was stopped."));
  const entry: Entry = { attempt: "att_2", fence: 1, spec: second, state: { type: "accepted", sinceMs: 0 } };
  expect(await elsewhere.launch(entry, planned.value, undefined, never)).toMatchObject({ type: "refused" });
  expect(isolated.refuseRemoval(note, "att_1")).toBeUndefined();
});
