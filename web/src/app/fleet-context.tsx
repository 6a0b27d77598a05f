/** Hands the one FleetStore of a signed-in console to its pages. */
import { createContext, useContext, useSyncExternalStore } from "react";
import type { FleetStore, FleetView } from "../fleet/store.ts";

const Context = createContext<FleetStore | undefined>(undefined);
export const FleetProvider = Context.Provider;

export function useFleetStore(): FleetStore {
  const store = useContext(Context);
  if (store === undefined) throw new Error("useFleetStore is for pages inside FleetProvider");
  return store;
}

export function useFleet(): FleetView {
  const store = useFleetStore();
  return useSyncExternalStore(store.subscribe, store.view);
}
