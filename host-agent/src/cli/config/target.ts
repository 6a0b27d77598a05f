/** Which control plane is meant and with which token: flag > environment > profile > the one this machine joined > default. */
import { maestroError } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import { err, ok, type Result } from "@maestro/shared/result";
import { checkServerUrl } from "../../link/server-url.ts";
import type { Profile, Profiles } from "./profiles.ts";

export const DEFAULT_PORT = 23_000;
export const DEFAULT_URL = `http://127.0.0.1:${DEFAULT_PORT}`;

export interface Target {
  url: URL;
  token: string | undefined;
  pin: string | undefined;
}

/** The server that this machine joined as a host, and how it is known: enough to ask it, not to be let in. */
export interface JoinedServer {
  url: string;
  pin?: string | undefined;
  allowHttp?: readonly string[] | undefined;
}

export interface TargetSources {
  flags: { url: string | undefined; profile: string | undefined };
  env: Readonly<Record<string, string | undefined>>;
  profiles: Profiles;
  joined: JoinedServer | undefined;
  /** Networks allowed by the configuration. */
  allowHttp: readonly string[];
}

/** A profile's token goes to that profile's origin only: naming another address never sends it there. */
export function chooseTarget({ flags, env, profiles, joined, allowHttp }: TargetSources): Result<Target> {
  const wanted = flags.profile ?? given(env["MAESTRO_PROFILE"]);
  const named = wanted ?? profiles.current;
  const profile = named === undefined ? undefined : profiles.profiles[named];
  if (wanted !== undefined && profile === undefined) return err(unknownProfile(wanted, profiles));
  const address = flags.url ?? given(env["MAESTRO_URL"]);
  const url = checkServerUrl(address ?? profile?.url ?? joined?.url ?? DEFAULT_URL, [
    ...allowHttp,
    ...(profile?.allowHttp ?? []),
    ...(joined?.allowHttp ?? []),
  ]);
  if (!url.ok) return url;
  const own = address === undefined ? profile : matching(url.value, profile, profiles);
  return ok({ url: url.value, token: given(env["MAESTRO_TOKEN"]) ?? own?.token, pin: own?.pin ?? pinOfJoined(url.value, joined) });
}

/** The key that the join line brought is good for the CLI as well. */
export const pinOfJoined = (url: URL, joined: JoinedServer | undefined): string | undefined =>
  joined?.url === url.origin ? joined.pin : undefined;

/** An empty variable is none. */
export const given = (text: string | undefined): string | undefined => (text === undefined || text === "" ? undefined : text);

function matching(url: URL, preferred: Profile | undefined, { profiles }: Profiles): Profile | undefined {
  return [...(preferred === undefined ? [] : [preferred]), ...Object.values(profiles)].find(
    (profile) => URL.canParse(profile.url) && new URL(profile.url).origin === url.origin,
  );
}

export function unknownProfile(name: string, { profiles }: Profiles) {
  const known = Object.keys(profiles);
  const near = nearest(name, known);
  const hint =
    known.length === 0 ? "None is stored yet: maestro login <url>." : `Stored: ${(near.length > 0 ? near : known.slice(0, 5)).join(", ")}.`;
  return maestroError("field_invalid", `There is no profile '${name}'.`, { field: "profile", hint });
}
