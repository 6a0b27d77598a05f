/** Who is served when. */
import { expect, test } from "vitest";
import { Turns, type GiveBack } from "./turns.ts";

const never = new AbortController().signal;

test("no more than so many at once; requesters take turns, each in its own order", async () => {
  const turns = new Turns(2);
  const served: string[] = [];
  const held: GiveBack[] = [];
  const take = async (requester: string, what: string) => {
    const give = await turns.take(requester, never);
    served.push(what);
    if (give !== undefined) held.push(give);
  };
  const all = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"].map((what) => take(what.charAt(0), what));
  await Promise.all(all.slice(0, 2));
  expect(served).toEqual(["a1", "a2"]);
  for (let i = 0; i < 7; i++) {
    held.shift()?.("returns");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  expect(served).toEqual(["a1", "a2", "a3", "b1", "c1", "a4", "b2"]);
});

test("who gives up waits no more and takes nobody's turn; a turn is given back once", async () => {
  const turns = new Turns(1);
  const first = await turns.take("a", never);
  const stop = new AbortController();
  const second = turns.take("b", stop.signal);
  const third = turns.take("c", never);
  stop.abort();
  expect(await second).toBeUndefined();
  first?.("returns");
  first?.("returns");
  expect(await third).toBeDefined();
  expect(await turns.take("d", stop.signal)).toBeUndefined();
});

test("where one fewer is possible at once than was thought, a turn goes for good, but never the last", async () => {
  const turns = new Turns(2);
  const [first, second] = [await turns.take("a", never), await turns.take("b", never)];
  first?.("lessens");
  const third = turns.take("c", never);
  second?.("lessens");
  (await third)?.("lessens");
  expect(turns.size).toBe(1);
  expect(await turns.take("d", never)).toBeDefined();
});
