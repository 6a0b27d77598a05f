/** What the embedded Worker is told in its variables; what they mean stands in wrangler.toml. Pure. */
import type { ListenPlan } from "./listen-plan.ts";
import type { Origins } from "./origins.ts";

export interface BindingsInput {
  secrets: { root: string; bootstrapSha256: string };
  origins: Pick<Origins, "public" | "all">;
  /** Of this machine. */
  names: readonly string[];
  pin: string | undefined;
  protection: Pick<ListenPlan["protection"], "type">;
  /** Names that callers may bring to tasks, beside the usual ones. */
  forwardable: readonly string[];
  timeScale: number;
}

export const bindingsOf = ({
  secrets,
  origins,
  names,
  pin,
  protection,
  forwardable,
  timeScale,
}: BindingsInput): Record<string, string> => ({
  MAESTRO_SECRET: secrets.root,
  BOOTSTRAP_SHA256: secrets.bootstrapSha256,
  PUBLIC_ORIGIN: origins.public,
  ALLOWED_ORIGINS: origins.all.join(","),
  HOST_NAMES: names.join(","),
  TLS_PIN: pin ?? "",
  PLAIN_HTTP: protection.type === "allow-http" ? "1" : "",
  FORWARD_ENV: forwardable.join(","),
  TIME_SCALE: String(timeScale),
});
