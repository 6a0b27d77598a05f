/** Lets a page with a header of its own open the drawer on the phone. */
import { createContext, useContext } from "react";

export const DrawerContext = createContext<() => void>(() => undefined);
export const useOpenDrawer = (): (() => void) => useContext(DrawerContext);
