/** Refusals that came when nobody was there any more to be shown them in their place: kept until they are read. */
import { createContext, useContext } from "react";
import type { ApiError } from "../api/client.ts";

export interface Notice {
  serial: number;
  title: string;
  error: ApiError;
}

/** More at once are no more read than these; the oldest goes. */
const MOST = 3;

export class Notices {
  #all: readonly Notice[] = [];
  #serial = 0;
  readonly #listeners = new Set<() => void>();

  readonly all = (): readonly Notice[] => this.#all;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly tell = (title: string, error: ApiError): void => {
    this.#serial += 1;
    this.#set([...this.#all, { serial: this.#serial, title, error }].slice(-MOST));
  };

  readonly dismiss = (serial: number): void => this.#set(this.#all.filter((notice) => notice.serial !== serial));

  #set(all: readonly Notice[]): void {
    this.#all = all;
    for (const listener of this.#listeners) listener();
  }
}

export const NoticesContext = createContext(new Notices());

export const useNotices = (): Notices => useContext(NoticesContext);
