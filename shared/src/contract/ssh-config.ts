/** What a linked host's own `~/.ssh/config` names, for people to choose from when they add a remote host [SSH8]. */
import * as z from "zod";
import { MAX_SSH_CONFIG_ENTRIES } from "../limits.ts";

/** Of each keyword what counts for it; what is too long for a field is left out. */
export const SshConfigEntry = z.object({
  /** The name behind `Host`: with `sshConfig`, the address of a record that takes all of it. */
  host: z.string().min(1).max(255),
  hostName: z.string().max(255).optional(),
  user: z.string().max(64).optional(),
  port: z.int().min(1).max(65_535).optional(),
  /** A path on that host. */
  identityFile: z.string().max(1024).optional(),
  proxyJump: z.string().max(1024).optional(),
  /** Why no remote host can be made of it, for people. */
  problem: z.string().max(512).optional(),
});
export type SshConfigEntry = z.infer<typeof SshConfigEntry>;

/** In the order of the file. */
export const HostSshConfig = z.object({
  /** Absolute there. */
  path: z.string().max(4096),
  /** False: there is no such file. */
  exists: z.boolean(),
  entries: z.array(SshConfigEntry).max(MAX_SSH_CONFIG_ENTRIES),
  /** It names more than these. */
  truncated: z.boolean(),
});
export type HostSshConfig = z.infer<typeof HostSshConfig>;
