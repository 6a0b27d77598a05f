import { describe, expect, it } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import type { ApiError } from "../api/client.ts";
import { Asking } from "./asking.ts";

const offline = maestroError("host_unreachable", "laptop is offline.");

function button() {
  const told: ApiError[] = [];
  const page = { mayShow: true };
  const asking = new Asking({ asked: () => () => page.mayShow, tell: (error) => told.push(error) });
  /** Returns what answers it. */
  const ask = (done: (value: string) => void = () => undefined) => {
    const { promise, resolve } = Promise.withResolvers<Result<string, ApiError>>();
    asking.run(() => promise, done);
    return async (result: Result<string, ApiError>): Promise<void> => {
      resolve(result);
      await promise;
    };
  };
  return { asking, ask, told, page };
}

describe("a request behind a button", () => {
  it("is busy until it is answered, and then done", async () => {
    const { asking, ask } = button();
    const came: string[] = [];
    const answer = ask((value) => came.push(value));
    expect(asking.state()).toEqual({ type: "busy" });
    await answer(ok("ses_1"));
    expect(asking.state()).toEqual({ type: "ready" });
    expect(came).toEqual(["ses_1"]);
  });

  it("shows a refusal in its place", async () => {
    const { asking, ask, told } = button();
    await ask()(err(offline));
    expect(asking.state()).toEqual({ type: "refused", error: offline });
    expect(told).toEqual([]);
    asking.clear();
    expect(asking.state()).toEqual({ type: "ready" });
  });

  it("tells a refusal whose place is gone, and one that would come over what its asker does by then", async () => {
    for (const late of ["left", "elsewhere"] as const) {
      const { asking, ask, told, page } = button();
      const answer = ask();
      if (late === "left") asking.leave();
      else page.mayShow = false;
      await answer(err(offline));
      expect(told).toEqual([offline]);
      expect(asking.state()).toEqual({ type: "ready" });
    }
  });

  it("is done all the same when its place is gone", async () => {
    const { asking, ask } = button();
    const came: string[] = [];
    const answer = ask((value) => came.push(value));
    asking.leave();
    await answer(ok("tsk_1"));
    expect(came).toEqual(["tsk_1"]);
  });

  it("keeps the refusal of what was asked for last, whatever becomes of what was asked for before", async () => {
    const { asking, ask, told } = button();
    const came: string[] = [];
    const done = ask((value) => came.push(value));
    const refused = ask();
    await ask()(err(offline));
    await done(ok("ses_1"));
    expect(came).toEqual(["ses_1"]);
    expect(asking.state()).toEqual({ type: "refused", error: offline });
    const earlier = maestroError("host_unreachable", "desktop is offline.");
    await refused(err(earlier));
    expect(asking.state()).toEqual({ type: "refused", error: offline });
    expect(told).toEqual([earlier]);
  });

  it("stays busy with what was asked for last, and tells a refusal of what was asked for before", async () => {
    const { asking, ask, told } = button();
    const first = ask();
    const second = ask();
    await first(err(offline));
    expect(asking.state()).toEqual({ type: "busy" });
    expect(told).toEqual([offline]);
    await second(ok("ses_2"));
    expect(asking.state()).toEqual({ type: "ready" });
  });

  it("clears no request that is on its way: its refusal stands in its place", async () => {
    const { asking, ask, told } = button();
    const answer = ask();
    asking.clear();
    expect(asking.state()).toEqual({ type: "busy" });
    await answer(err(offline));
    expect(asking.state()).toEqual({ type: "refused", error: offline });
    expect(told).toEqual([]);
  });

  it("is repeated after a fresh sign-in", async () => {
    const { asking, ask } = button();
    await ask()(err(maestroError("step_up_required", "Sign in again.")));
    const state = asking.state();
    expect(state.type).toBe("step-up");
    if (state.type === "step-up") state.again();
    expect(asking.state()).toEqual({ type: "busy" });
  });

  it("is not repeated by a sign-in that was cancelled", async () => {
    const { asking, ask } = button();
    await ask()(err(maestroError("step_up_required", "Sign in again.")));
    const state = asking.state();
    asking.clear();
    if (state.type === "step-up") state.again();
    expect(asking.state()).toEqual({ type: "ready" });
  });
});
