/** Bindings into one validated Config, once per isolate. */
import * as z from "zod";
import { EnvName } from "@maestro/shared/contract/agent-types";
import { fromBase64Url } from "./crypto/encoding.ts";
import { deriveKeys, type Keys } from "./crypto/keys.ts";
import { LimitSpecs, windowLimits, type Limiters } from "./domain/access/window-limits.ts";

export interface Config {
  keys: Keys;
  bootstrapSha256: string;
  /** Exact origins a browser may come from, beyond the Worker's own. */
  allowedOrigins: readonly string[];
  /** The only names this server is called by, beside addresses; undefined: whoever routes requests here sees to that. */
  hostNames: readonly string[] | undefined;
  /** What hosts sign and join lines name; undefined: the request's own origin. */
  publicOrigin: string | undefined;
  /** `sha256//…` of a self-signed certificate's key. */
  tlsPin: string | undefined;
  /** http is allowed beyond loopback. */
  plainHttp: boolean;
  /** Names that callers may bring from their environment to a task, beside those everybody may. */
  forwardable: readonly string[];
  /** Counted here instead of by the platform, by the names of its bindings; none where it counts. */
  limiters: Limiters;
  /** Every wait of the protocol is multiplied by this; 1 outside tests. */
  timeScale: number;
}

const Origin = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, "must be an origin such as https://maestro.example");
const optional = <T extends z.ZodType<string, string>>(inner: T) => z.union([z.literal("").transform(() => undefined), inner]).optional();

const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  );

const Bindings = z.object({
  MAESTRO_SECRET: z
    .string()
    .transform((text) => fromBase64Url(text))
    .refine((bytes) => bytes?.byteLength === 32, "must be 32 bytes in base64url"),
  BOOTSTRAP_SHA256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hex digits"),
  ALLOWED_ORIGINS: list.pipe(z.array(Origin)),
  HOST_NAMES: list,
  PUBLIC_ORIGIN: optional(Origin),
  TLS_PIN: optional(z.string().regex(/^sha256\/\/[A-Za-z0-9+/]{43}=$/, "must be sha256//<base64>")),
  PLAIN_HTTP: z.enum(["", "0", "1"]).default(""),
  FORWARD_ENV: list.pipe(z.array(EnvName)),
  RATE_LIMITS: z
    .string()
    .default("[]")
    .transform((text): unknown => JSON.parse(text))
    .pipe(LimitSpecs),
  TIME_SCALE: z.coerce.number().positive().max(1).default(1),
});

/** Throws when a binding is missing or malformed: a deployment mistake, not a caller's. */
export async function readConfig(env: Env): Promise<Config> {
  const read = Bindings.safeParse(env);
  if (!read.success)
    throw new Error(`Worker configuration: ${read.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; ")}`);
  const bindings = read.data;
  const origins = [...bindings.ALLOWED_ORIGINS, ...(bindings.PUBLIC_ORIGIN === undefined ? [] : [bindings.PUBLIC_ORIGIN])];
  return {
    keys: await deriveKeys(bindings.MAESTRO_SECRET ?? new Uint8Array(0)),
    bootstrapSha256: bindings.BOOTSTRAP_SHA256,
    allowedOrigins: bindings.ALLOWED_ORIGINS,
    hostNames:
      bindings.HOST_NAMES.length === 0 ? undefined : [...bindings.HOST_NAMES, ...origins.map((origin) => new URL(origin).hostname)],
    publicOrigin: bindings.PUBLIC_ORIGIN,
    tlsPin: bindings.TLS_PIN,
    plainHttp: bindings.PLAIN_HTTP === "1",
    forwardable: bindings.FORWARD_ENV,
    limiters: windowLimits(bindings.RATE_LIMITS, () => Date.now()),
    timeScale: bindings.TIME_SCALE,
  };
}

const known = new WeakMap<Env, Promise<Config>>();

/** Keys are derived once per isolate; a failure is not remembered. */
export function configOf(env: Env): Promise<Config> {
  const existing = known.get(env);
  if (existing !== undefined) return existing;
  const fresh = readConfig(env);
  known.set(env, fresh);
  fresh.catch(() => known.delete(env));
  return fresh;
}
