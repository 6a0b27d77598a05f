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

it("the first after a rest decides at once, those close behind it together, in their order", async () => {
  const { done, decide, settle, turn, soon } = world();
  for (const name of ["a", "b", "c", "d"]) void decide(name);
  await settle();
  expect(done).toEqual(["a"]);
  expect(soon).toHaveLength(1);
  await turn();
  expect(done).toEqual(["a", "b", "c", "d"]);
  void decide("e");
  await settle();
  expect(done.at(-1)).toBe("d");
  await turn();
  expect(done.at(-1)).toBe("e");
});

it("what a start waits for is decided at once, or with those that wait already", async () => {
  const { done, turns, decide, settle, turn } = world();
  const start = async (name: string): Promise<void> => {
    await turns.next(true);
    done.push(name);
  };
  void decide("a");
  void start("b");
  void start("c");
  await settle();
  expect(done).toEqual(["a", "b", "c"]);
  void decide("d");
  void start("e");
  await settle();
  expect(done).toEqual(["a", "b", "c"]);
  await turn();
  expect(done).toEqual(["a", "b", "c", "d", "e"]);
});

it("after a rest it is at once again, unless others wait", async () => {
  const { done, decide, settle, turn, passes } = world();
  void decide("a");
  void decide("b");
  passes(20);
  void decide("c");
  await settle();
  expect(done).toEqual(["a"]);
  await turn();
  expect(done).toEqual(["a", "b", "c"]);
  passes(60_000);
  void decide("d");
  await settle();
  expect(done.at(-1)).toBe("d");
});

it("a clock that steps back holds up nobody", async () => {
  const { done, decide, settle, passes } = world();
  void decide("a");
  passes(-60_000);
  void decide("b");
  await settle();
  expect(done).toEqual(["a", "b"]);
});

it("a timer that does not come holds up nobody: whoever comes later, or only looks, lets go whoever waits", async () => {
  const { done, decide, settle, turn, passes, turns } = world();
  void decide("a");
  void decide("b");
  passes(49);
  turns.nudge();
  await settle();
  expect(done).toEqual(["a"]);
  passes(1);
  void decide("c");
  await settle();
  expect(done).toEqual(["a", "b", "c"]);
  void decide("d");
  passes(50);
  turns.nudge();
  await settle();
  expect(done.at(-1)).toBe("d");
  await turn();
  expect(done).toEqual(["a", "b", "c", "d"]);
});
