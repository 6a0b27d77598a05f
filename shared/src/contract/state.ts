/** Shared state and secrets of a fleet. */
import * as z from "zod";
import { EnvName } from "./agent-types.ts";

const Time = z.iso.datetime();

/** One entry; `value` only when one key was asked for. */
export const StateEntry = z.object({
  key: z.string(),
  version: z.int().min(1),
  bytes: z.int().min(0),
  value: z.string().optional(),
  updatedAt: Time,
  updatedBy: z.string(),
  expiresAt: Time.optional(),
});
export type StateEntry = z.infer<typeof StateEntry>;
/** `ttl` in seconds; `none`: it stays. Default 24 h. `ifVersion` 0: only when the key does not exist. */
export const StatePut = z.strictObject({
  value: z.string(),
  ttl: z.union([z.number(), z.literal("none")]).optional(),
  ifVersion: z.int().min(0).optional(),
});
export type StatePut = z.infer<typeof StatePut>;
/** One line of a watch. */
export const StateChange = z.object({
  key: z.string(),
  version: z.int(),
  op: z.enum(["set", "delete", "expire"]),
  value: z.string().optional(),
});
export type StateChange = z.infer<typeof StateChange>;

export const Secret = z.object({ name: z.string(), createdAt: Time, updatedAt: Time, updatedBy: z.string() });
export type Secret = z.infer<typeof Secret>;
export const SecretPut = z.strictObject({ value: z.string().min(1).max(16_384) });
export const SecretName = EnvName;

/** Names that may be taken from a caller's or a host's environment; a host's policy may narrow or widen them. */
export const FORWARDABLE_ENV = [
  "GH_TOKEN",
  "GITHUB_TOKEN",
  "ANTHROPIC_API_KEY",
  "OPENAI_API_KEY",
  "OPENROUTER_API_KEY",
  "GOOGLE_API_KEY",
  "GEMINI_API_KEY",
] as const;
