import { expect, it, vi } from "vitest";
import type { Board } from "../../domain/tasks/board.ts";
import type { StartAsked } from "../../domain/tasks/calls.ts";
import type { Attempt, TaskCore } from "../../domain/tasks/model.ts";
import { Orders } from "./orders.ts";

const STATUS = { state: "running", startedMs: 1, pid: 1, workspace: "/w", logBytes: 0 };

/** A relay that answers each start with a status of its own: its pid is the number of its attempt. */
function world(reply = (attempt: string): string => JSON.stringify({ status: { ...STATUS, pid: Number(attempt.slice(1)) } })) {
  const starts = vi.fn((asked: StartAsked[]) => Promise.resolve(asked.map(({ attempt }) => ({ ok: true, json: reply(attempt) }))));
  const answered: [string, unknown][] = [];
  // Only what orders ask of them.
  const board = { startAnswered: (attempt: string, answer: unknown) => void answered.push([attempt, answer]) } as unknown as Board;
  const orders = new Orders({
    env: { HOST_RELAY: { getByName: () => ({ starts }) } } as never,
    fleet: () => "f",
    scale: 1,
    work: () => ({ spec: { body: {} }, prompt: null, sealed: {} }) as never,
    secrets: { ciphertext: () => undefined },
    decide: (decision) => Promise.resolve(decision(board, 0)),
  });
  const order = (attempt: string) => ({
    task: { id: `task of ${attempt}`, key: attempt } as TaskCore,
    attempt: { id: attempt, fence: 1, host: { id: "h", name: "h" } } as Attempt,
    again: true,
  });
  return { orders, starts, answered, order, settle: () => new Promise(setImmediate) };
}

it("a start that one decision comes upon twice is asked for once, and each reply is its own attempt's", async () => {
  const { orders, starts, answered, order, settle } = world();
  for (const attempt of ["a1", "a2", "a1", "a3"]) orders.start(order(attempt));
  orders.send();
  await settle();
  expect(starts.mock.calls.map(([asked]) => asked.map(({ attempt }) => attempt))).toEqual([["a1", "a2", "a3"]]);
  expect(answered).toMatchObject([1, 2, 3].map((pid) => [`a${pid}`, { ok: true, value: { pid } }]));
  orders.send();
  await settle();
  expect(starts).toHaveBeenCalledOnce();
});

it("a reply that is not understood here tells nothing of the host, and breaks no decision", async () => {
  const { orders, answered, order, settle } = world(() => '{"status":{"state":"of a newer version"}}');
  orders.start(order("a1"));
  orders.send();
  await settle();
  expect(answered).toMatchObject([["a1", { ok: false, error: { code: "frame_invalid" } }]]);
});
