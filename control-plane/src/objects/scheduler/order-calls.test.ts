import { expect, it, vi } from "vitest";
import type { Board } from "../../domain/tasks/board.ts";
import type { OfferAsked, OrderReply, StartAsked } from "../../domain/tasks/calls.ts";
import { callsOf, OrderCalls, type OfferCall, type StartCall } from "./order-calls.ts";

const said = (json: string): OrderReply => ({ ok: true, json });
const host = (id: string) => ({ id, name: `name of ${id}` });

/** Relays that answer as the script says, call by call. */
function world(script: ((string | null)[] | Error)[]) {
  const calls: [string, string, string[]][] = [];
  const told: [string, OrderReply][][] = [];
  let decision: [string, OrderReply][] = [];
  const answer = async (of: string, kind: string, attempts: string[]): Promise<(OrderReply | null)[]> => {
    calls.push([of, kind, attempts]);
    const next = script.shift();
    if (next instanceof Error) throw next;
    return (next ?? []).map((json) => (json === null ? null : said(json)));
  };
  const names = (asked: (OfferAsked | StartAsked)[]): string[] => asked.map(({ attempt }) => attempt);
  const orders = new OrderCalls({
    relay: (of) => ({
      offers: (asked) => answer(of, "offers", names(asked)),
      starts: (asked) => answer(of, "starts", names(asked)),
      repliesTo: (kind, attempts) => answer(of, `rest of ${kind}`, attempts),
    }),
    decide: async (decide) => {
      decision = [];
      // It is only passed on.
      decide({} as Board, 0);
      told.push(decision);
    },
  });
  const replied = (attempt: string) => (_board: Board, reply: OrderReply) => void decision.push([attempt, reply]);
  return {
    orders,
    calls,
    told,
    offer: (attempt: string, of = "h1"): OfferCall => ({
      kind: "offer",
      host: host(of),
      chars: 10,
      asked: { attempt, fence: 1, spec: "{}" },
      replied: replied(attempt),
    }),
    start: (attempt: string, of = "h1"): StartCall => ({
      kind: "start",
      host: host(of),
      chars: 10,
      asked: { attempt, fence: 1, sealed: {}, task: "t" },
      replied: replied(attempt),
    }),
    settle: () => new Promise(setImmediate),
  };
}

it("what is due on one host goes in one call, and its replies are one decision", async () => {
  const { orders, calls, told, offer, settle } = world([["1", "3"], ["2"]]);
  orders.send([offer("a"), offer("b", "h2"), offer("c")]);
  await settle();
  expect(calls).toEqual([
    ["h1", "offers", ["a", "c"]],
    ["h2", "offers", ["b"]],
  ]);
  expect(told).toEqual([
    [
      ["a", said("1")],
      ["c", said("3")],
    ],
    [["b", said("2")]],
  ]);
});

it("replies that are not there yet are asked for until they are, each is told once", async () => {
  const { orders, calls, told, start, settle } = world([[null, "2", null], [null, "3"], ["1"]]);
  orders.send([start("a"), start("b"), start("c")]);
  await settle();
  expect(calls.map(([, kind, attempts]) => [kind, attempts])).toEqual([
    ["starts", ["a", "b", "c"]],
    ["rest of start", ["a", "c"]],
    ["rest of start", ["a"]],
  ]);
  expect(told).toEqual([[["b", said("2")]], [["c", said("3")]], [["a", said("1")]]]);
});

it("a relay that does not answer has answered none of them", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const { orders, told, offer, settle } = world([[null, "2"], new Error("Network connection lost.")]);
  orders.send([offer("a"), offer("b")]);
  await settle();
  expect(told).toMatchObject([[["b", said("2")]], [["a", { ok: false, error: { code: "internal" } }]]]);
  warned.mockRestore();
});

it("a call has a bound, in orders and in what they carry", () => {
  const orders = Array.from({ length: 250 }, () => ({ host: host("h"), chars: 10 }));
  expect(callsOf(orders).map(({ length }) => length)).toEqual([100, 100, 50]);
  const long = Array.from({ length: 5 }, () => ({ host: host("h"), chars: 400_000 }));
  expect(callsOf(long).map(({ length }) => length)).toEqual([2, 2, 1]);
  expect(callsOf([{ host: host("h"), chars: 4_000_000 }]).map(({ length }) => length)).toEqual([1]);
});
