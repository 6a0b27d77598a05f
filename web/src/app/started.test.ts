import { beforeEach, describe, expect, it, vi } from "vitest";
import { navigate } from "./router.ts";
import { stillHere, toStarted, wasStarted } from "./started.ts";

const session = { id: "ses_new" };
/** What has the keyboard, inside of what `closest` finds. */
const element = (inside: Record<string, object> = {}) => ({ closest: (selector: string) => inside[selector] ?? null });
const field = () => {
  const it = element();
  return Object.assign(it, { closest: (selector: string) => (selector.includes("textarea") ? it : null) });
};
const dialog = {};
const inDialog = () => element({ "dialog[open]": dialog });

describe("where a started session leads", () => {
  let page: { activeElement: object | null };

  beforeEach(() => {
    const location = { pathname: "/agents", search: "" };
    const history = {
      state: null as unknown,
      pushState(state: unknown, _: string, path: string) {
        this.state = state;
        [location.pathname = "/", location.search = ""] = path.split(/(?=\?)/);
      },
    };
    page = { activeElement: element() };
    vi.stubGlobal("location", location);
    vi.stubGlobal("history", history);
    vi.stubGlobal("document", page);
    vi.stubGlobal("window", new EventTarget());
    vi.stubGlobal("PopStateEvent", Event);
  });

  it("is its terminal, with the keyboard, for who has waited for it", () => {
    const arrive = toStarted();
    page.activeElement = null; // the button, disabled meanwhile, let go of it
    arrive(session);
    expect(location.pathname).toBe("/sessions/ses_new");
    expect(wasStarted()).toBe(true);
  });

  it("is nowhere for who has gone to another session meanwhile", () => {
    const arrive = toStarted();
    navigate("/sessions/ses_other");
    arrive(session);
    expect(location.pathname).toBe("/sessions/ses_other");
    expect(wasStarted()).toBe(false);
  });

  it("is nowhere for who writes on the same page by then: in a field, or in a dialog", () => {
    for (const busy of [field(), inDialog()]) {
      page.activeElement = element();
      const arrive = toStarted();
      page.activeElement = busy;
      arrive(session);
      expect(location.pathname).toBe("/agents");
    }
  });

  it("is its terminal from the field and the dialog it was started in", () => {
    for (const own of [field(), inDialog()]) {
      navigate("/agents");
      page.activeElement = own;
      const arrive = toStarted();
      arrive(session);
      expect(location.pathname).toBe("/sessions/ses_new");
    }
  });

  it("is told by the search of a page, too", () => {
    navigate("/tasks?text=a");
    const here = stillHere();
    expect(here()).toBe(true);
    navigate("/tasks?text=ab");
    expect(here()).toBe(false);
  });
});
