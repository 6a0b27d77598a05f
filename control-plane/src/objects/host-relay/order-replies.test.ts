import { expect, it, vi } from "vitest";
import type { OrderReply } from "../../domain/tasks/calls.ts";
import { OrderReplies } from "./order-replies.ts";

const said = (json: string): OrderReply => ({ ok: true, json });

function world() {
  let nowMs = 1_000;
  const soon: (() => void)[] = [];
  const orders = new Map<string, PromiseWithResolvers<OrderReply>>();
  const replies = new OrderReplies({ nowMs: () => nowMs, soon: (act) => void soon.push(act) });
  const asked = (...names: string[]): [string, Promise<OrderReply>][] =>
    names.map((name) => {
      const order = Promise.withResolvers<OrderReply>();
      orders.set(name, order);
      return [name, order.promise];
    });
  return {
    replies,
    soon,
    asked,
    says: (name: string) => orders.get(name)?.resolve(said(name)),
    fails: (name: string) => orders.get(name)?.reject(new Error("no database")),
    passes: (ms: number) => void (nowMs += ms),
    moment: async () => {
      await new Promise(setImmediate);
      for (const act of soon.splice(0)) act();
      await new Promise(setImmediate);
    },
  };
}

it("one order waits for its reply and for nothing else", async () => {
  const { replies, asked, says, soon } = world();
  const reply = replies.together(asked("a"));
  says("a");
  expect(await reply).toEqual([said("a")]);
  expect(soon).toEqual([]);
});

it("those that come close to the first go back with it, in the order of what was asked; a slow one holds up none", async () => {
  const { replies, asked, says, moment } = world();
  const first = replies.together(asked("a", "b", "slow", "c"));
  for (const name of ["c", "a", "b"]) says(name);
  await moment();
  expect(await first).toEqual([said("a"), said("b"), null, said("c")]);
  const rest = replies.rest(["slow"]);
  says("slow");
  expect(await rest).toEqual([said("slow")]);
});

it("all that are there go back without waiting for the moment's end", async () => {
  const { replies, asked, says } = world();
  const all = replies.together(asked("a", "b"));
  says("b");
  says("a");
  expect(await all).toEqual([said("a"), said("b")]);
});

it("one that cannot be passed on has failed, and no other with it", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const { replies, asked, says, fails } = world();
  const all = replies.together(asked("a", "b"));
  fails("a");
  says("b");
  expect(await all).toMatchObject([{ ok: false, error: { code: "internal" } }, said("b")]);
  expect(warned).toHaveBeenCalledOnce();
  warned.mockRestore();
});

it("of what a life before this one was asked nothing is known, which is told as such", async () => {
  const { replies } = world();
  expect(await replies.rest(["a"])).toMatchObject([{ ok: false, error: { code: "internal" } }]);
});

it("a reply is given once; the one to an order that was given again is the newer one's", async () => {
  const { replies, asked, says, moment } = world();
  const first = replies.together(asked("a", "b"));
  says("b");
  await moment();
  expect(await first).toEqual([null, said("b")]);
  const old = replies.rest(["a"]);
  says("a");
  const again = replies.together(asked("a"));
  expect(await old).toEqual([said("a")]);
  says("a");
  expect(await again).toEqual([said("a")]);
  expect(await replies.rest(["a"])).toMatchObject([{ ok: false }]);
});

it("what nobody comes for is forgotten with time", async () => {
  const { replies, asked, says, moment, passes } = world();
  const first = replies.together(asked("a", "b"));
  says("b");
  await moment();
  await first;
  says("a");
  passes(121_000);
  const other = replies.together(asked("c"));
  says("c");
  await other;
  expect(await replies.rest(["a"])).toMatchObject([{ ok: false }]);
});
