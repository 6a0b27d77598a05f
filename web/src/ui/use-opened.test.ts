import { describe, expect, it } from "vitest";
import { opened, type Opened } from "./use-opened.ts";

/** As React keeps it. */
function place() {
  let now: Opened<string> | undefined;
  const set = (change: (now: Opened<string> | undefined) => Opened<string> | undefined): void => {
    now = change(now);
  };
  const open = (what: string): Opened<string> => {
    const it = opened(what, set);
    set(() => it);
    return it;
  };
  return { open, what: () => now?.what };
}

describe("a dialog", () => {
  it("is closed by who it was opened for", () => {
    const page = place();
    const dialog = page.open("dispatch");
    expect(page.what()).toBe("dispatch");
    dialog.close();
    expect(page.what()).toBeUndefined();
  });

  it("stays when an answer comes to one that was closed before it was opened", () => {
    const page = place();
    const asked = page.open("dispatch");
    asked.close();
    for (const next of ["settings", "dispatch"]) {
      page.open(next);
      asked.close();
      expect(page.what()).toBe(next);
    }
  });
});
