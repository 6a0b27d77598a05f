/**
 * What makes the cookie worth anything: the origin-scoped key and the CSRF value of this browser session.
 * Read from storage on every request, so a sign-in in another tab serves this one too.
 */
import * as z from "zod";

const STORE = "maestro.session";
const SessionKey = z.object({ key: z.string().min(1), csrf: z.string().min(1) });
export type SessionKey = z.infer<typeof SessionKey>;

export function readSessionKey(): SessionKey | undefined {
  const text = localStorage.getItem(STORE);
  if (text === null) return undefined;
  try {
    return SessionKey.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function writeSessionKey({ key, csrf }: SessionKey): void {
  localStorage.setItem(STORE, JSON.stringify({ key, csrf }));
}

export const forgetSessionKey = (): void => localStorage.removeItem(STORE);

/** Calls back when another tab signed in or out. */
export function onSessionKeyChange(listener: () => void, signal: AbortSignal): void {
  window.addEventListener("storage", (event) => event.key === STORE && listener(), { signal });
}

let signingIn: Promise<unknown> = Promise.resolve();

/** Signing in ends the old session before the new key is here; other requests wait for it. */
export function duringSignIn<T>(work: Promise<T>): Promise<T> {
  signingIn = work;
  return work;
}

export const signInDone = (): Promise<unknown> => signingIn;
