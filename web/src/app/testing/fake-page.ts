/** Of a browser's page what `started.ts` looks at: the address, the history, the dialogs, and what has the keyboard. */
import { vi } from "vitest";

interface Part {
  closest: (selector: string) => object | null;
}

/** A button, or whatever else is not written in. */
export const button = (): Part => ({ closest: () => null });

/** @param dialog that it is in. */
export const field = (dialog: object | null = null): Part => {
  const it: Part = { closest: (selector) => (selector.includes("textarea") ? it : dialog) };
  return it;
};

interface FakePage {
  location: { pathname: string; search: string };
  activeElement: Part | null;
  /** Those that are open. */
  dialogs: object[];
  querySelectorAll: () => object[];
}

/** Until the end of the test. */
export function stubPage(path: string): FakePage {
  const location = { pathname: path, search: "" };
  const history: { state: unknown; pushState: History["pushState"]; replaceState: History["replaceState"] } = {
    state: null,
    pushState(state, _, to) {
      this.state = state;
      [location.pathname = "/", location.search = ""] = String(to).split(/(?=\?)/);
    },
    replaceState(state, _, to) {
      this.pushState(state, _, to);
    },
  };
  const page: FakePage = { location, activeElement: button(), dialogs: [], querySelectorAll: () => page.dialogs };
  vi.stubGlobal("location", location);
  vi.stubGlobal("history", history);
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("PopStateEvent", Event);
  return page;
}
