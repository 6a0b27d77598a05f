import { expect, test, vi } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { AGENT_READY_MS, REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { err, ok, type Result } from "@maestro/shared/result";
import { AgentStarts } from "./agent-starts.ts";
import { silentLog } from "./log.ts";
import type { Late } from "./start-late.ts";
import { VirtualClock } from "./testing/virtual-clock.ts";

const REV = { id: "agt_1", name: "rev" };

function setUp() {
  const clock = new VirtualClock();
  const warn = vi.fn();
  const starts = new AgentStarts(clock, { ...silentLog, warn });
  const under = Promise.withResolvers<Result<string>>();
  let late: Late = () => undefined;
  const first = starts.run(REV, (given) => ((late = given), under.promise));
  return { clock, warn, starts, first, end: under.resolve, late: () => late() };
}

test("while an agent is being started a second start of it is refused, also once the first is too late; another agent's is not", async () => {
  const { clock, starts, first, end, late } = setUp();
  const begin = vi.fn(() => Promise.resolve(ok("begun")));
  for (const ms of [0, AGENT_READY_MS]) {
    clock.advance(ms);
    expect(await starts.run(REV, begin)).toMatchObject({
      error: { code: "agent_running", detail: "An earlier start of agent 'rev' has not ended on this host yet." },
    });
  }
  expect(begin).not.toHaveBeenCalled();
  expect(await starts.run({ id: "agt_2", name: "other" }, begin)).toEqual(ok("begun"));
  expect(late()).toMatchObject({ code: "timeout" });
  end(ok("first"));
  expect(await first).toEqual(ok("first"));
  expect(await starts.run(REV, begin)).toEqual(ok("begun"));
});

test("one that threw does not keep the next from starting", async () => {
  const { starts } = setUp();
  const other = { id: "agt_2", name: "other" };
  await expect(starts.run(other, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(starts.refuse(other)).toBeUndefined();
});

test("why one did not start is in the log if its request had ended, since the answer reaches nobody", async () => {
  const failed = err(maestroError("ssh_timeout", "The host is silent."));
  const answered = setUp();
  answered.clock.advance(REQUEST_TIMEOUT_MS - 1);
  answered.end(failed);
  expect(await answered.first).toBe(failed);
  expect(answered.warn).not.toHaveBeenCalled();

  const unheard = setUp();
  unheard.clock.advance(REQUEST_TIMEOUT_MS);
  unheard.end(failed);
  expect(await unheard.first).toBe(failed);
  expect(unheard.warn.mock.calls).toEqual([
    ["an agent did not start, and nobody awaits it any more", { agent: "rev", code: "ssh_timeout", reason: "The host is silent." }],
  ]);
});
