/** What passes between the supervisor and its control-plane process: one line in, one line per event out. */
import * as z from "zod";
import { Manifest } from "./artifacts.ts";

export const ControlPlaneConfig = z.object({
  stateDir: z.string(),
  worker: z.string(),
  console: z.string(),
  migrations: z.string(),
  manifest: Manifest,
  /** Bindings beyond the manifest's own variables; secrets travel here and not in argv or the environment. */
  bindings: z.record(z.string(), z.string()),
  bind: z.string(),
  port: z.int(),
  tls: z.object({ cert: z.string(), key: z.string() }).optional(),
  /** Peers that may speak plain http besides this machine. */
  allowHttp: z.array(z.string()).optional(),
});
export type ControlPlaneConfig = z.infer<typeof ControlPlaneConfig>;

export const ControlPlaneEvent = z.discriminatedUnion("t", [
  z.object({ t: z.literal("migrated"), names: z.array(z.string()) }),
  z.object({ t: z.literal("ready"), runtimePid: z.int() }),
  z.object({ t: z.literal("restarted"), runtimePid: z.int() }),
  z.object({ t: z.literal("failed"), code: z.string(), detail: z.string(), hint: z.string().optional() }),
]);
export type ControlPlaneEvent = z.infer<typeof ControlPlaneEvent>;
