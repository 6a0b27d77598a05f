/**
 * Hosts without any software of ours: a linked host (`via`) reaches them by ssh or tailscale and carries their link.
 * Records hold no secret: keys stay in files and agents of the linked host.
 */
import * as z from "zod";
import { Slug } from "./agent-types.ts";
import { EnvMap, Labels } from "./maps.ts";

export const TRANSPORTS = ["ssh", "tailscale"] as const;
export const RemoteTransport = z.enum(TRANSPORTS);
export type RemoteTransport = z.infer<typeof RemoteTransport>;

/** Where it is and how it is reached, as stored and as told to the linked host. */
export const RemoteRecord = z.object({
  transport: RemoteTransport,
  /** A name, an address, or with `sshConfig` a Host of the linked host's `~/.ssh/config`. */
  address: z.string().min(1).max(255),
  user: z.string().max(64).optional(),
  /** Absent: 22, or what ssh_config says; a given 22 overrides that. */
  port: z.int().min(1).max(65_535).optional(),
  /** A private key file of the linked host; `~` is its daemon's home. */
  identity: z.string().max(4096).optional(),
  /** The user's own ssh_config counts, as for `ssh`; what is given here goes before it. */
  sshConfig: z.boolean(),
  /** Of ssh_config(5), by name. */
  options: z.record(z.string().max(64), z.string().max(1024)),
  /** What everything started there begins with; not for secrets. */
  env: EnvMap,
  /** A container's name, in which everything runs; `none` and `auto`: on the machine itself, as remote dispatch's `auto` did. */
  container: z.string().min(1).max(128),
  /** Absolute, or from the remote user's home (`~/…`): where work begins unless it says otherwise. */
  cwd: z.string().max(4096).optional(),
});
export type RemoteRecord = z.infer<typeof RemoteRecord>;

/** What is given for a record, unchecked: `checkRemote` says all that is wrong with it at once. */
export const RemoteBody = z.strictObject({
  /** Also `user@host`, `ssh://user@host:port`. */
  address: z.string().max(512),
  transport: z.string().max(32).optional(),
  user: z.string().max(256).optional(),
  port: z.union([z.number(), z.string().max(16)]).optional(),
  identity: z.string().max(4096).optional(),
  sshConfig: z.boolean().optional(),
  options: z.record(z.string().max(64), z.string().max(1024)).optional(),
  env: z.record(z.string().max(128), z.string().max(4096)).optional(),
  container: z.string().max(256).optional(),
  cwd: z.string().max(4096).optional(),
});
export type RemoteBody = z.infer<typeof RemoteBody>;

export const CHECKS = [
  "name",
  "tcp",
  "host-key",
  "authentication",
  "shell",
  "path",
  "tmux",
  "git",
  "container",
  "agents",
  "agent-forwarding",
  "disk",
  "clock",
] as const;

/** One line of a check, in the order of CHECKS. `skipped`: one before it failed. */
export const CheckStep = z.object({
  name: z.enum(CHECKS),
  state: z.enum(["ok", "warning", "failed", "skipped"]),
  /** What was found, for people. */
  detail: z.string().max(1024),
  /** Of a failure: a code of the error table. */
  code: z.string().max(64).optional(),
  hint: z.string().max(1024).optional(),
  ms: z.number(),
});
export type CheckStep = z.infer<typeof CheckStep>;

export const FoundAgent = z.object({ adapter: z.string().max(64), binary: z.string().max(4096), version: z.string().max(128).optional() });

export const HostCheck = z.object({
  /** Work can be started there: nothing failed. */
  ok: z.boolean(),
  steps: z.array(CheckStep).max(CHECKS.length),
  /** What it showed; unknown ones are not trusted until somebody says so. */
  hostKey: z
    .object({ type: z.string().max(64), sha256: z.string().max(64), state: z.enum(["known", "unknown", "changed", "revoked"]) })
    .optional(),
  hostname: z.string().max(255).optional(),
  agents: z.array(FoundAgent).max(64),
});
export type HostCheck = z.infer<typeof HostCheck>;

/** `new`: whatever key it shows, if none is known; or the one with this fingerprint. */
export const AcceptHostKey = z.union([z.literal("new"), z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/)]);
export type AcceptHostKey = z.infer<typeof AcceptHostKey>;

export const RemoteHostBody = RemoteBody.extend({
  name: Slug,
  labels: Labels.optional(),
  /** Name or id of a linked host; default: the fleet's only one. */
  via: z.string().max(63).optional(),
  enabled: z.boolean().optional(),
  /** Marks it as the one to choose; nothing is chosen by it. Of a fleet's hosts one has the mark at most. */
  default: z.boolean().optional(),
});
export type RemoteHostBody = z.infer<typeof RemoteHostBody>;
/** What may be changed of a record: absent stays as it is, null goes back to what it would be if it had not been given. */
export const RemotePatch = z.strictObject({
  address: RemoteBody.shape.address.optional(),
  transport: RemoteBody.shape.transport.nullable(),
  user: RemoteBody.shape.user.nullable(),
  port: RemoteBody.shape.port.nullable(),
  identity: RemoteBody.shape.identity.nullable(),
  sshConfig: RemoteBody.shape.sshConfig.nullable(),
  options: RemoteBody.shape.options.nullable(),
  env: RemoteBody.shape.env.nullable(),
  container: RemoteBody.shape.container.nullable(),
  cwd: RemoteBody.shape.cwd.nullable(),
});
export type RemotePatch = z.infer<typeof RemotePatch>;
export const HostCheckBody = RemoteBody.extend({ via: z.string().max(63).optional(), acceptHostKey: AcceptHostKey.optional() });
export const SavedHostCheckBody = z.strictObject({ acceptHostKey: AcceptHostKey.optional() });

/** A remote host as its carrier is told of it. */
export const CarriedHost = z.object({ id: z.string(), name: z.string(), record: RemoteRecord });
export type CarriedHost = z.infer<typeof CarriedHost>;
/**
 * The carrier makes the keys of the remote host's link; raw, base64url. Its own key vouches for them, since the signature of
 * a request does not cover its body: `proof` is Ed25519 over `carrySigningText`, base64url.
 */
export const CarryBody = z.strictObject({ signingKey: z.string().max(64), sealingKey: z.string().max(64), proof: z.string().max(128) });
