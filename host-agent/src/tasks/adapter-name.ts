import { ADAPTERS, type AdapterName } from "@maestro/shared/contract/agent-types";

const NAMES: readonly string[] = ADAPTERS;
/** A note of another version may name one that is not known here. */
export const isAdapter = (name: string): name is AdapterName => NAMES.includes(name);
