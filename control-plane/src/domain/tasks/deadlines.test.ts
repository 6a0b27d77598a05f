import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";
import { seeded } from "./testing/fuzz-program.ts";

test("what is moved counts at its new time, what is cleared not at all", () => {
  const deadlines = new Deadlines<string>();
  deadlines.set("a", 10, "a");
  deadlines.set("b", 5, "b");
  deadlines.set("a", 3, "sooner");
  deadlines.set("c", 4, "c");
  deadlines.clear("c");
  expect(deadlines.nextMs()).toBe(3);
  expect(deadlines.takeDue(5)).toEqual(["sooner", "b"]);
  expect(deadlines.nextMs()).toBeUndefined();
});

test("many come out in order, whatever order they came in", () => {
  const random = seeded(1);
  const deadlines = new Deadlines<number>();
  const times = new Map<string, number>();
  for (let i = 0; i < 5_000; i++) {
    const name = `n${Math.floor(random() * 800)}`;
    if (random() < 0.2) {
      deadlines.clear(name);
      times.delete(name);
    } else {
      const atMs = Math.floor(random() * 10_000);
      deadlines.set(name, atMs, atMs);
      times.set(name, atMs);
    }
  }
  expect(deadlines.takeDue(Infinity)).toEqual([...times.values()].sort((a, b) => a - b));
});
