import { expect, it } from "vitest";
import { Turns } from "./turns.ts";

function world() {
  let nowMs = 1_000;
  const soon: (() => void)[] = [];
  const done: string[] = [];
  const turns = new Turns({ nowMs: () => nowMs, soon: (act) => void soon.push(act) });
  const decide = async (name: string) => {
    await turns.next();
    done.push(name);
  };
  const settle = async (): Promise<void> => {
    await new Promise(setImmediate);
  };
  return {
    turns,
    done,
    soon,
    decide,
    settle,
    passes: (ms: number) => void (nowMs += ms),
    async turn() {
      for (const act of soon.splice(0)) act();
      await settle();
    },
  };
}

/** As many as are made at once after a rest. */
const FIRST = ["1", "2", "3"];

it("the first ones after a rest are made at once, those close behind them together, in their order", async () => {
  const { done, decide, settle, turn, soon } = world();
  for (const name of [...FIRST, "a", "b", "c"]) void decide(name);
  await settle();
  expect(done).toEqual(FIRST);
  expect(soon).toHaveLength(1);
  await turn();
  expect(done).toEqual([...FIRST, "a", "b", "c"]);
  void decide("e");
  await settle();
  expect(done.at(-1)).toBe("c");
  await turn();
  expect(done.at(-1)).toBe("e");
});

it("those of a task that is alone wait for nothing", async () => {
  const { done, decide, settle, passes, soon } = world();
  for (const name of FIRST) {
    void decide(name);
    passes(4);
  }
  await settle();
  expect(done).toEqual(FIRST);
  expect(soon).toHaveLength(0);
});

it("after a rest it is at once again, unless others wait", async () => {
  const { done, decide, settle, turn, passes } = world();
  for (const name of [...FIRST, "a"]) void decide(name);
  passes(20);
  void decide("b");
  await settle();
  expect(done).toEqual(FIRST);
  await turn();
  expect(done).toEqual([...FIRST, "a", "b"]);
  passes(60_000);
  void decide("c");
  await settle();
  expect(done.at(-1)).toBe("c");
});

it("a flood without a rest is made together", async () => {
  const { done, decide, settle, passes, turn } = world();
  for (let n = 1; n <= 20; n++) {
    void decide(String(n));
    passes(1);
    await settle();
  }
  expect(done).toEqual(FIRST);
  await turn();
  expect(done).toHaveLength(20);
});

it("a clock that steps back holds up nobody", async () => {
  const { done, decide, settle, passes } = world();
  for (const name of FIRST) void decide(name);
  passes(-60_000);
  void decide("a");
  await settle();
  expect(done).toEqual([...FIRST, "a"]);
});

it("a timer that does not come holds up nobody: whoever comes later, or only looks, lets go whoever waits", async () => {
  const { done, decide, settle, turn, passes, turns } = world();
  for (const name of [...FIRST, "a"]) void decide(name);
  passes(49);
  turns.nudge();
  await settle();
  expect(done).toEqual(FIRST);
  passes(1);
  void decide("b");
  await settle();
  expect(done).toEqual([...FIRST, "a", "b"]);
  for (const name of ["c", "d", "e"]) void decide(name);
  passes(50);
  turns.nudge();
  await settle();
  expect(done.at(-1)).toBe("e");
  await turn();
  expect(done).toEqual([...FIRST, "a", "b", "c", "d", "e"]);
});
