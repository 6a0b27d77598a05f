import { beforeEach, describe, expect, it, vi, afterEach } from "vitest";
import { noFilter } from "./filters.ts";
import { sampleTask } from "./testing/samples.ts";
import { TaskList } from "./task-list.ts";

const asked: string[] = [];
let pages: { items: object[]; nextCursor?: string }[] = [];
const page = (ids: string[], nextCursor?: string) => ({
  items: ids.map((id) => listed(id)),
  ...(nextCursor === undefined ? {} : { nextCursor }),
});
const listed = (id: string): object => {
  const { attempts: _, ...task } = sampleTask({ id });
  return task;
};

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("localStorage", { getItem: () => null });
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    return Promise.resolve(Response.json(pages.shift() ?? page([])));
  });
});
afterEach(() => void vi.unstubAllGlobals());

describe("the list of tasks", () => {
  it("is one page at first, then as many as were opened; a task that moved from one to the next is there once", async () => {
    const list = new TaskList(noFilter);
    pages = [page(["c", "b"], "n1")];
    expect(await list.fetch()).toMatchObject({ ok: true, value: { items: [{ id: "c" }, { id: "b" }], more: true } });
    list.more();
    pages = [page(["d", "c"], "n1"), page(["c", "b"])];
    const both = await list.fetch();
    expect(both.ok && both.value.items.map(({ id }) => id)).toEqual(["d", "c", "b"]);
    expect(both).toMatchObject({ value: { more: false } });
    expect(asked).toEqual(["/api/v1/tasks?limit=50", "/api/v1/tasks?limit=50", "/api/v1/tasks?limit=50&cursor=n1"]);
  });

  it("begins anew when it is narrowed, and says to what", async () => {
    const list = new TaskList(noFilter);
    list.more();
    expect(list.narrow({ ...noFilter, q: "  " })).toBe(false);
    expect(list.narrow({ ...noFilter, status: "failed", agent: "reviewer" })).toBe(true);
    pages = [page(["a"], "n1")];
    expect(await list.fetch()).toMatchObject({ value: { filter: { status: "failed" }, more: true } });
    expect(asked).toEqual(["/api/v1/tasks?status=failed%2Ctimed_out%2Clost&agent=reviewer&limit=50"]);
  });

  it("is not shown in part: what one page refuses, the list refuses", async () => {
    const list = new TaskList(noFilter);
    list.more();
    pages = [page(["a"], "n1")];
    vi.stubGlobal("fetch", () =>
      Promise.resolve(
        pages.length > 0 ? Response.json(pages.shift()) : Response.json({ code: "rate_limited", detail: "slow down" }, { status: 429 }),
      ),
    );
    expect(await list.fetch()).toMatchObject({ ok: false, error: { code: "rate_limited", detail: "slow down" } });
  });
});
