/** Which containers nobody may take away, or make anew as another type asks. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import { systemClock } from "../daemon/clock.ts";
import { silentLog } from "../daemon/log.ts";
import { openPolicy } from "../daemon/policy.ts";
import { AttemptStore } from "../tasks/attempt-store.ts";
import { endUnstarted } from "../tasks/attempt-state.ts";
import { specOf } from "../tasks/testing/task-host.ts";
import { IsolatedEngine } from "./isolated-engine.ts";
import { IsolatedUse } from "./isolated-use.ts";
import { createIsolated } from "./isolated-work.ts";
import { Places } from "./place.ts";
import type { RemoteShell } from "./remote-shell.ts";

const CONTAINER = "maestro-0123456789abcdef";
const note = { workspace: "/w", kind: "path", adapter: "custom", bootId: "b", container: CONTAINER, isolated: true } as const;
let root = "";
let store: AttemptStore;
beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), "muse-"));
  store = new AttemptStore(root, () => {});
  for (const attempt of ["att_1", "att_2"]) await store.accept(specOf(["true"], { attempt }), 1, "b");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const over = (attempt: string) =>
  store.noteEnd(attempt, endUnstarted("cancelled", { code: "cancelled", detail: "Cancelled before it was started." }, 2));

test("one that was made ready for an attempt is in use until that is over, launched or not", () => {
  const use = new IsolatedUse(store, () => new Set());
  expect([...use.look().working]).toEqual([]);
  use.claim({ by: "task", id: "att_1" }, CONTAINER);
  use.claim({ by: "task", id: "att_2" }, CONTAINER);
  expect([...use.look().working]).toEqual([CONTAINER]);
  over("att_1");
  expect([...use.look().working]).toEqual([CONTAINER]);
  store.noteLaunch("att_2", note, undefined);
  expect([...use.look().working]).toEqual([CONTAINER]);
  over("att_2");
  expect([...use.look().working]).toEqual([]);
});

test("one that was made ready for a session is in use until that is noted", () => {
  const use = new IsolatedUse(store, () => new Set());
  use.claim({ by: "session", id: "ses_1" }, CONTAINER);
  expect([...use.look().working]).toEqual([CONTAINER]);
  use.release({ by: "session", id: "ses_1" });
  expect([...use.look().working]).toEqual([]);
});

test("one in which an attempt is about to begin is not cleaned up with another that has ended", () => {
  const shell: RemoteShell = {
    run: () => Promise.reject(new Error("nothing runs")),
    open: () => Promise.reject(new Error("nothing runs")),
  };
  const common = { clock: systemClock, timeScale: 1, log: silentLog };
  const isolated = createIsolated({
    ...common,
    engine: new IsolatedEngine({ shell, base: undefined, host: "hst_use" }),
    store,
    sessions: () => new Set(),
    places: new Places({ ...common, shellOf: () => shell, prelude: "", typeDirs: [], policy: openPolicy, ownEnv: {}, record: { env: {} } }),
    catalogue: () => new TypeCatalogue([], { detect: () => Promise.reject(new Error("nothing is detected")) }, () => undefined),
    prepare: () => Promise.reject(new Error("nothing is prepared")),
    removeWorkspace: () => Promise.reject(new Error("nothing is removed")),
    signal: new AbortController().signal,
  });
  store.noteLaunch("att_1", note, undefined);
  // As after an end that could not be written down.
  expect(isolated.refuseRemoval(note, "att_1")).toBeUndefined();
  store.noteLaunch("att_2", note, undefined);
  expect(isolated.refuseRemoval(note, "att_1")).toMatchObject({ code: "workspace_busy", hint: "Wait for it, or cancel it." });
});
