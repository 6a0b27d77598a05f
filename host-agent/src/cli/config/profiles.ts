/** Stored logins: `profiles.json`, 0600, one entry per control plane. */
import * as z from "zod";
import { fail } from "@maestro/shared/errors";
import { parseJson } from "../../config/json.ts";
import { ensurePrivateDir, type Paths } from "../../config/paths.ts";
import { readPrivate, writeDurably } from "../../daemon/durable-file.ts";

export const Profile = z.object({
  url: z.string().max(512),
  token: z.string().max(256),
  /** Hex SHA-256 of the server's key, for a self-signed certificate. */
  pin: z.string().optional(),
  /** Networks (CIDR) in which plain http may carry the token. */
  allowHttp: z.array(z.string()).optional(),
  expiresAt: z.string().optional(),
});
export type Profile = z.infer<typeof Profile>;

const ProfilesFile = z.object({ version: z.literal(1), current: z.string().optional(), profiles: z.record(z.string(), Profile) });
export type Profiles = z.infer<typeof ProfilesFile>;

export function readProfiles(paths: Paths): Profiles {
  const text = readPrivate(paths.profilesFile);
  if (text === undefined) return { version: 1, profiles: {} };
  const parsed = ProfilesFile.safeParse(parseJson(text));
  if (!parsed.success) {
    throw fail("json_invalid", `'${paths.profilesFile}' is damaged.`, {
      field: paths.profilesFile,
      hint: "Move it away and log in again: maestro login <url>.",
    });
  }
  return parsed.data;
}

/** Adds or replaces a profile. The first one, and one that is `chosen`, becomes the one used without --profile. */
export function storeProfile(paths: Paths, name: string, profile: Profile, chosen: boolean): void {
  ensurePrivateDir(paths.configDir, process.getuid?.() ?? 0);
  const found = readProfiles(paths);
  const current = chosen || found.current === undefined ? name : found.current;
  writeDurably(
    paths.profilesFile,
    `${JSON.stringify({ version: 1, current, profiles: { ...found.profiles, [name]: profile } }, null, 2)}\n`,
  );
}
