/** [SSH18] [TK6] Images with a prompt over HTTP: taken or refused, kept beside the task, given to the host that runs it, and gone. */
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { TaskImage } from "@maestro/shared/contract/tasks";
import { IMAGE_PIECE_BYTES, MAX_IMAGE_BYTES, TASK_RETENTION_MS } from "@maestro/shared/limits";
import { ImageStore } from "../../control-plane/src/objects/scheduler/image-store.ts";
import { call, joinHost, json, refusal, type TestHost } from "./access-fleet.ts";
import { workingFleet, type WorkingFleet } from "./support/working-fleet.ts";

const BEGINNING = Uint8Array.from("\x89PNG\r\n\x1a\n", (char) => char.charCodeAt(0));

/** Of no piece as of another one. */
function png(bytes: number): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) image[at] = (at * 31 + (at >> 8) + (at >> 16)) & 0xff;
  image.set(BEGINNING);
  return image;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3_000) text += btoa(String.fromCharCode(...bytes.subarray(at, at + 3_000)));
  return text;
}

const SMALL = png(1_000);
const LARGE = png(2 * IMAGE_PIECE_BYTES + 12_345);
const WITH = { prompt: "look", images: [{ name: "a.png", data: base64(SMALL) }, `data:image/png;base64,${base64(LARGE)}`] };

const fetched = async (host: TestHost, attempt: { id: string; fence: number }, n: number | string, more = ""): Promise<Response> => {
  const path = `/api/v1/hosts/self/attempts/${attempt.id}/images/${n}`;
  return call(`${path}?fence=${attempt.fence}${more}`, { headers: { authorization: await host.authorization("GET", path) } });
};
const bytesOf = async (answer: Response | Promise<Response>): Promise<Uint8Array> => new Uint8Array(await (await answer).arrayBuffer());

const kept = ({ scheduler }: WorkingFleet): Promise<{ sets: number; pieces: number }> =>
  runInDurableObject(scheduler(), (_scheduler, { storage: { sql } }) => {
    const count = (table: string): number => sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n;
    return { sets: count("image_sets"), pieces: count("images") };
  });

describe("[TK6] a task with images", () => {
  test("tells of them by name, size and digest, and gives their bytes to the host that runs it, from any offset", async () => {
    const world = await workingFleet();
    const { submit, running, asked, detail, api, host, evict } = world;
    const { id } = await submit(WITH);
    const attempt = await running(id);
    const { images = [] } = await detail(id);
    expect(images).toMatchObject([
      { name: "1-a.png", type: "png", bytes: SMALL.length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { name: "2-image.png", type: "png", bytes: LARGE.length },
    ] satisfies Partial<TaskImage>[]);
    // The offer has no bytes in it.
    expect(asked("task.offer")[0]).toMatchObject({ spec: { task: id, images } });
    expect(JSON.stringify(asked("task.offer")[0]).length).toBeLessThan(4_000);
    expect(JSON.stringify(await json(api("/api/v1/tasks")))).not.toContain(base64(SMALL).slice(0, 40));
    await evict();
    expect(await bytesOf(fetched(host, attempt, 0))).toEqual(SMALL);
    expect(await bytesOf(fetched(host, attempt, 1))).toEqual(LARGE);
    for (const offset of [1, IMAGE_PIECE_BYTES - 1, IMAGE_PIECE_BYTES, 2 * IMAGE_PIECE_BYTES + 12_344, LARGE.length])
      expect(await bytesOf(fetched(host, attempt, 1, `&offset=${offset}`)), String(offset)).toEqual(LARGE.subarray(offset));
  }, 30_000);

  test("gives them to nobody else: no other host, under no other fence, none that there is not, and not once it has ended", async () => {
    const world = await workingFleet();
    const { fleet, submit, running, ended, host, api } = world;
    const { id } = await submit({ ...WITH, images: WITH.images.slice(0, 1) });
    const attempt = await running(id);
    const other = await joinHost(fleet, "other");
    await refusal(fetched(other, attempt, 0), "image_gone");
    await refusal(fetched(host, { ...attempt, fence: attempt.fence + 1 }, 0), "image_gone");
    for (const n of [1, 9, 10, "-1", "0x0", "a"]) await refusal(fetched(host, attempt, n), "image_gone");
    expect((await call(`/api/v1/hosts/self/attempts/${attempt.id}/images/0?fence=1`, { token: fleet.owner.token })).status).toBe(403);
    expect((await fetched(host, attempt, 0)).status).toBe(200);
    ended(attempt);
    await json(api(`/api/v1/tasks/${id}/wait?timeout=20`));
    await refusal(fetched(host, attempt, 0), "image_gone");
  });

  test("keeps them while it may run once more, and no longer", async () => {
    const world = await workingFleet();
    const { submit, running, ended, api, host } = world;
    const { id } = await submit(WITH);
    expect(await kept(world)).toEqual({ sets: 1, pieces: 4 });
    ended(await running(id), { outcome: "failed", exitCode: 1, reason: { code: "exit_nonzero", detail: "1" } });
    await json(api(`/api/v1/tasks/${id}/wait?timeout=20`));
    expect(await kept(world)).toEqual({ sets: 1, pieces: 4 });
    await json(api(`/api/v1/tasks/${id}/retry`, { body: {} }));
    const again = await running(id);
    expect(await bytesOf(fetched(host, again, 0))).toEqual(SMALL);
    ended(again);
    await json(api(`/api/v1/tasks/${id}/wait?timeout=20`));
    expect(await kept(world)).toEqual({ sets: 0, pieces: 0 });
  });

  test("keeps those of one that failed for as long as the task itself", async () => {
    const world = await workingFleet();
    const { submit, running, ended, api, scheduler } = world;
    const { id } = await submit(WITH);
    ended(await running(id), { outcome: "failed", exitCode: 1, reason: { code: "exit_nonzero", detail: "1" } });
    await json(api(`/api/v1/tasks/${id}/wait?timeout=20`));
    await expect
      .poll(() =>
        runInDurableObject(scheduler(), (_s, { storage: { sql } }) => sql.exec("SELECT 1 FROM tasks WHERE open = 0").toArray().length),
      )
      .toBe(1);
    expect((await kept(world)).sets).toBe(1);
    await runInDurableObject(scheduler(), async (object) => {
      const before = object.now;
      object.now = () => before() + TASK_RETENTION_MS + 120_000;
      await object.alarm();
    });
    await refusal(api(`/api/v1/tasks/${id}`), "task_not_found");
    expect(await kept(world)).toEqual({ sets: 0, pieces: 0 });
  });

  test("is one request with its images: another one under the same key is a mistake", async () => {
    const world = await workingFleet();
    const { token, running } = world;
    const post = (images: unknown) =>
      call("/api/v1/tasks", { token, body: { prompt: "once", images }, headers: { "idempotency-key": "k" } });
    const [first, second] = [await json(post([base64(SMALL)])), await json(post([base64(SMALL)]))];
    expect(second).toEqual(first);
    await refusal(post([base64(png(1_001))]), "idempotency_mismatch");
    await running(first.id);
    expect(await kept(world)).toEqual({ sets: 1, pieces: 1 });
  });
});

describe("[SSH18] refused, with nothing stored", () => {
  const text = btoa("hello, I am no image");
  test("each by its place", async () => {
    const world = await workingFleet();
    const CASES: [string, unknown, string, string, RegExp][] = [
      ["no image", { ...WITH, images: [base64(SMALL), { name: "x.png", data: text }] }, "image_invalid", "images[1]", /PNG, JPEG/],
      ["a broken data URL", { ...WITH, images: ["data:image/png;base64,%%%"] }, "image_invalid", "images[0]", /data:image/],
      ["an empty one", { ...WITH, images: [{ data: "" }] }, "image_invalid", "images[0]", /PNG, JPEG/],
      ["too large a one", { ...WITH, images: [base64(png(MAX_IMAGE_BYTES + 1))] }, "image_too_large", "images[0]", /5 MiB/],
      ["too many", { ...WITH, images: Array.from({ length: 11 }, () => base64(SMALL)) }, "image_limit", "images", /At most 10/],
      [
        "with a command",
        { command: ["true"], on: { host: "builder" }, images: [base64(SMALL)] },
        "field_invalid",
        "images",
        /Leave it out/,
      ],
      ["of another shape", { ...WITH, images: [{ url: "https://example.com/a.png" }] }, "field_invalid", "images[0]", /./],
      [
        "beside a prompt that is too large",
        { command: ["x".repeat(16_000), ...Array.from({ length: 100 }, () => "y".repeat(16_000))] },
        "prompt_too_large",
        "prompt",
        /./,
      ],
    ];
    for (const [title, body, code, field, hint] of CASES) {
      const problem = await refusal(world.api("/api/v1/tasks", { body }), code as never);
      expect(problem.field, title).toBe(field);
      expect(problem.hint, title).toMatch(hint);
    }
    expect(await kept(world)).toEqual({ sets: 0, pieces: 0 });
    expect((await json(world.api("/api/v1/tasks"))).items).toEqual([]);
  }, 30_000);
});

describe("[TK6] the room there is for images", () => {
  test("is taken from the oldest tasks that have ended, never from open ones; whose are gone is not run again", async () => {
    const { scheduler, submit, running, ended, api } = await workingFleet();
    const failed = async (id: string): Promise<void> => {
      await submit({ prompt: "look", images: [base64(SMALL)], id });
      ended(await running(id), { outcome: "failed", exitCode: 1, reason: { code: "exit_nonzero", detail: "1" } });
      await json(api(`/api/v1/tasks/${id}/wait?timeout=20`));
    };
    await failed("first");
    await failed("second");
    await submit({ prompt: "look", images: [base64(SMALL)], id: "open" });
    await running("open");
    // They are closed once they are told.
    await expect
      .poll(() =>
        runInDurableObject(scheduler(), (_s, { storage: { sql } }) => sql.exec("SELECT 1 FROM tasks WHERE open = 0").toArray().length),
      )
      .toBe(2);
    await runInDurableObject(scheduler(), (_scheduler, { storage }) => {
      const store = new ImageStore(storage.sql, 3 * SMALL.length);
      expect([store.hasRoom(2 * SMALL.length), store.hasRoom(2 * SMALL.length + 1)]).toEqual([true, false]);
      const [{ key } = { key: "" }] = storage.sql.exec<{ key: string }>("SELECT key FROM aliases WHERE id = 'first'").toArray();
      storage.transactionSync(() => store.put("tsk_new", [SMALL]));
      expect(store.has(key)).toBe(false);
      expect(storage.sql.exec("SELECT task FROM image_sets").toArray()).toHaveLength(3);
    });
    await refusal(api("/api/v1/tasks/first/retry", { body: {} }), "image_gone");
    expect(await json(api("/api/v1/tasks/second/retry", { body: {} }))).toMatchObject({ id: "second" });
  });
});

test("[P16] a task without images costs no row and no look at any", async () => {
  const world = await workingFleet();
  const statements: string[] = [];
  await runInDurableObject(world.scheduler(), (_scheduler, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql);
    storage.sql.exec = ((query: string, ...more: SqlStorageValue[]) => {
      statements.push(query);
      return exec(query, ...more);
    }) as typeof storage.sql.exec;
  });
  const { id } = await world.submit({ prompt: "x" });
  world.ended(await world.running(id));
  await json(world.api(`/api/v1/tasks/${id}/wait?timeout=20`));
  expect(statements.length).toBeGreaterThan(0);
  expect(statements.filter((statement) => statement.includes("image"))).toEqual([]);
});
