/** Paths into pages and back. Pure, but for `navigate` and the hook. */
import { useMemo, useSyncExternalStore } from "react";

export type Place =
  | { page: "overview" }
  | { page: "hosts" }
  | { page: "agents" }
  | { page: "terminal"; session: string }
  /** `search`: what the list is narrowed to. */
  | { page: "tasks"; search: string }
  /** `attempt`: whose log is shown, when it is not the last one's. */
  | { page: "task"; task: string; attempt: string | undefined }
  | { page: "queue"; search: string }
  | { page: "login"; next: string }
  | { page: "unknown"; path: string };

export function placeOf(path: string, search = ""): Place {
  const [first, second, ...rest] = path.split("/").filter((part) => part !== "");
  if (first === undefined) return { page: "overview" };
  if (first === "hosts" && second === undefined) return { page: "hosts" };
  if (first === "agents" && second === undefined) return { page: "agents" };
  if (first === "sessions" && second === undefined) return { page: "overview" };
  if (first === "sessions" && second !== undefined && rest.length === 0) return { page: "terminal", session: second };
  if (first === "tasks" && second === undefined) return { page: "tasks", search };
  if (first === "tasks" && second !== undefined && rest.length === 0)
    return { page: "task", task: second, attempt: new URLSearchParams(search).get("attempt") ?? undefined };
  if (first === "queue" && second === undefined) return { page: "queue", search };
  if (first === "login" && second === undefined) return { page: "login", next: safeNext(new URLSearchParams(search).get("next")) };
  return { page: "unknown", path };
}

/** Only a path of this very origin; anything else would be an open redirect. */
export function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) && !next.startsWith("/login") ? next : "/";
}

export const sessionPath = (id: string): string => `/sessions/${encodeURIComponent(id)}`;

export const taskPath = (id: string, attempt?: string): string =>
  `/tasks/${encodeURIComponent(id)}${attempt === undefined ? "" : `?${new URLSearchParams({ attempt }).toString()}`}`;

/** @param options.state kept with that place in the history. */
export function navigate(path: string, { replace = false, state = null }: { replace?: boolean; state?: string | null } = {}): void {
  if (replace) history.replaceState(state, "", path);
  else history.pushState(state, "", path);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

export function usePlace(): Place {
  const path = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const [pathname = "/", search = ""] = path.split("?");
  return useMemo(() => placeOf(pathname, search), [pathname, search]);
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  return () => window.removeEventListener("popstate", listener);
}
