import { beforeEach, describe, expect, it, vi } from "vitest";
import { navigate } from "../app/router.ts";
import { toStarted } from "../app/started.ts";
import { field, stubPage } from "../app/testing/fake-page.ts";
import { focusWhenOurs } from "./first-focus.ts";

describe("the first focus of a session that was just started", () => {
  let page: ReturnType<typeof stubPage>;

  beforeEach(() => {
    page = stubPage("/");
    vi.stubGlobal("matchMedia", () => ({ matches: true }));
  });

  /** Its pen comes when the test says so; focused, its own field has the keyboard. */
  function terminal() {
    const listeners = new Set<() => void>();
    const pen = { you: false };
    const own = field();
    focusWhenOurs({
      view: () => ({ face: { pen } }),
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      emulator: { focus: () => (page.activeElement = own) },
    });
    const penComes = (): void => {
      pen.you = true;
      for (const listener of listeners) listener();
    };
    return { penComes, hasKeyboard: () => page.activeElement === own };
  }

  it("comes when it can be typed into", () => {
    toStarted()({ id: "ses_1" });
    const { penComes, hasKeyboard } = terminal();
    expect(hasKeyboard()).toBe(false);
    penComes();
    expect(hasKeyboard()).toBe(true);
  });

  it("does not keep the next start where it is, when that was asked for before", () => {
    toStarted()({ id: "ses_1" });
    const { penComes, hasKeyboard } = terminal();
    const arrive = toStarted();
    penComes();
    expect(hasKeyboard()).toBe(false);
    arrive({ id: "ses_2" });
    expect(page.location.pathname).toBe("/sessions/ses_2");
  });

  it("takes the keyboard from nobody who writes somewhere else by then", () => {
    toStarted()({ id: "ses_1" });
    const { penComes } = terminal();
    const search = field();
    page.activeElement = search;
    penComes();
    expect(page.activeElement).toBe(search);
  });

  it("is not for who has only looked it up", () => {
    navigate("/sessions/ses_1");
    const { penComes, hasKeyboard } = terminal();
    penComes();
    expect(hasKeyboard()).toBe(false);
  });
});
