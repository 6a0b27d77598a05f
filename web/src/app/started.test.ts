import { beforeEach, describe, expect, it } from "vitest";
import { navigate } from "./router.ts";
import { onward, stillHere, toStarted, wasStarted } from "./started.ts";
import { button, field, stubPage } from "./testing/fake-page.ts";

const session = { id: "ses_new" };

describe("where a started session leads", () => {
  let page: ReturnType<typeof stubPage>;

  beforeEach(() => {
    page = stubPage("/agents");
  });

  it("is its terminal, with the keyboard, for who has waited for it", () => {
    const arrive = toStarted();
    page.activeElement = null; // the button, disabled meanwhile, let go of it
    arrive(session);
    expect(page.location.pathname).toBe("/sessions/ses_new");
    expect(wasStarted()).toBe(true);
  });

  it("is nowhere for who has gone to another session meanwhile", () => {
    const arrive = toStarted();
    navigate("/sessions/ses_other");
    arrive(session);
    expect(page.location.pathname).toBe("/sessions/ses_other");
    expect(wasStarted()).toBe(false);
  });

  it("is nowhere for who writes in a field of the same page by then", () => {
    const arrive = toStarted();
    page.activeElement = field();
    arrive(session);
    expect(page.location.pathname).toBe("/agents");
  });

  it("is nowhere for who has a dialog open by then, even when nothing in it has the keyboard", () => {
    const arrive = toStarted();
    page.dialogs = [{}];
    page.activeElement = null;
    arrive(session);
    expect(page.location.pathname).toBe("/agents");
  });

  it("is where the last one leads, of two that were asked for", () => {
    const first = toStarted();
    const second = toStarted();
    first({ id: "ses_first" });
    expect(page.location.pathname).toBe("/agents");
    second(session);
    expect(page.location.pathname).toBe("/sessions/ses_new");
  });

  it("is its terminal from the field it was started in, and from the dialog, whatever field of that", () => {
    for (const dialog of [undefined, {}]) {
      navigate("/agents");
      page.dialogs = dialog === undefined ? [] : [dialog];
      page.activeElement = field(dialog);
      const arrive = toStarted();
      if (dialog !== undefined) page.activeElement = field(dialog);
      arrive(session);
      expect(page.location.pathname).toBe("/sessions/ses_new");
    }
  });

  it("is told by the search of a page, too", () => {
    navigate("/tasks?text=a");
    const here = stillHere();
    expect(here()).toBe(true);
    navigate("/tasks?text=ab");
    expect(here()).toBe(false);
    navigate("/tasks?text=a");
    page.activeElement = button();
    expect(here()).toBe(true);
  });
});

describe("where an answer leads", () => {
  let page: ReturnType<typeof stubPage>;

  beforeEach(() => {
    page = stubPage("/tasks/tsk_1");
    navigate("/tasks/tsk_1?attempt=att_1");
  });

  it("is where it says, for who has waited for it", () => {
    const go = onward();
    go("/tasks/tsk_1", { replace: true });
    expect(page.location.search).toBe("");
  });

  it("is nowhere for who has gone to another page, or to another attempt of the same task", () => {
    for (const place of ["/agents", "/tasks/tsk_1?attempt=att_2"]) {
      navigate("/tasks/tsk_1?attempt=att_1");
      const go = onward();
      navigate(place);
      go("/tasks/tsk_1", { replace: true });
      expect(page.location.pathname + page.location.search).toBe(place);
    }
  });
});
