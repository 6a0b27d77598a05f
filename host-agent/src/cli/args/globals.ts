/** Flags every command takes. */
import { flag, type FlagSpec } from "./spec.ts";

export const globalFlags = {
  json: flag.toggle("one JSON object, or one array for a list; streams are NDJSON"),
  format: flag.choice("the same switch as --json", ["json", "table"]),
  quiet: flag.toggle("ids only; of a new token its secret, of an invitation its line", "q"),
  profile: flag.text("which stored login to use (MAESTRO_PROFILE)", "name"),
  url: flag.text("the control plane's address (MAESTRO_URL)", "url"),
  timeout: flag.integer("how long to wait for an answer", { min: 1, max: 86_400, example: 30, placeholder: "seconds" }),
  verbose: flag.toggle("absolute times and more columns"),
  yes: flag.toggle("do not ask before something is destroyed"),
  help: flag.toggle("show help for this command", "h"),
} as const;

/** A command may have a flag of its own under such a name: then it means what the command says. */
export const isGlobal = (name: string, spec: FlagSpec<unknown>): boolean =>
  Object.entries(globalFlags).some(([known, own]) => known === name && own === spec);
