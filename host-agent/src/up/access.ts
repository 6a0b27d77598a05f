/** First start: the owner's token and this machine as the first host. Later starts: both are found again. */
import { isIP } from "node:net";
import { hostname } from "node:os";
import * as z from "zod";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import type { ApiClient } from "../cli/api/client.ts";
import { readProfiles, storeProfile, type Profile } from "../cli/config/profiles.ts";
import { ServerRefusal } from "../cli/render/failure.ts";
import type { Paths } from "../config/paths.ts";
import { readPrivate, writeDurably } from "../daemon/durable-file.ts";
import { readIdentity, writeIdentity } from "../daemon/identity.ts";
import { suggestedHostName } from "../daemon/host-name.ts";
import { joinHost } from "../daemon/join.ts";
import { parsePin } from "../link/connector.ts";
import { isLoopback } from "../link/server-url.ts";
import type { Origins } from "./origins.ts";
import type { UpPaths, UpSecrets } from "./state.ts";

export const LOCAL_PROFILE = "local";
/** A token that ends sooner is replaced at start. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

export interface AccessPlace {
  paths: Paths;
  up: UpPaths;
  origins: Origins;
  /** `sha256//…` */
  pin: string | undefined;
  nowMs: number;
  clientWith(token: string | undefined): ApiClient;
  note(line: string): void;
}

/** The owner's client; its token is in the profile `local`. */
export async function readyOwner(place: AccessPlace, secrets: UpSecrets): Promise<ApiClient> {
  const { bootstrapped } = await place.clientWith(undefined).call("health");
  if (!bootstrapped) {
    const { token } = await place.clientWith(undefined).call("bootstrap", { body: { secret: secrets.bootstrap, name: "owner" } });
    keepProfile(place, token.token, token.expiresAt);
    place.note("Created the owner; the token is in the profile 'local'.");
    return place.clientWith(token.token);
  }
  const stored = readProfiles(place.paths).profiles[LOCAL_PROFILE];
  if (stored === undefined) throw lostToken(place);
  const client = place.clientWith(stored.token);
  try {
    await client.call("me");
  } catch (error) {
    if (error instanceof ServerRefusal && error.problem.status === 401) throw lostToken(place);
    throw error;
  }
  const renewed = await renew(client, stored, place.nowMs);
  keepProfile(place, renewed.token, renewed.expiresAt);
  return place.clientWith(renewed.token);
}

function keepProfile({ paths, origins, pin }: AccessPlace, token: string, expiresAt: string | undefined): void {
  const hex = pin === undefined ? undefined : parsePin(pin);
  const profile: Profile = {
    url: origins.local,
    token,
    ...(hex?.ok === true ? { pin: hex.value } : {}),
    ...(isAllowedHttp(origins) ? { allowHttp: ownNetwork(origins) } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  storeProfile(paths, LOCAL_PROFILE, profile, false);
}

/** This machine's own address beyond loopback, over plain http: only where `--allow-http` said so. */
const isAllowedHttp = ({ local }: Origins): boolean => local.startsWith("http://") && !isLoopback(new URL(local).hostname);

/** Of this machine's own address, and nothing beside it. */
function ownNetwork({ local }: Origins): string[] {
  const address = new URL(local).hostname.replace(/^\[|\]$/g, "");
  return [`${address}/${isIP(address) === 6 ? 128 : 32}`];
}

async function renew(client: ApiClient, stored: Profile, nowMs: number): Promise<{ token: string; expiresAt: string | undefined }> {
  if (stored.expiresAt === undefined || Date.parse(stored.expiresAt) - nowMs > RENEW_BEFORE_MS)
    return { token: stored.token, expiresAt: stored.expiresAt };
  try {
    const { secret, token } = await client.call("tokenCreate", {
      body: { name: `local ${new Date(nowMs).toISOString().slice(0, 10)}`, role: "owner" },
    });
    return { token: secret, expiresAt: token.expiresAt };
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    return { token: stored.token, expiresAt: stored.expiresAt };
  }
}

const lostToken = ({ paths, up }: AccessPlace) =>
  fail("not_logged_in", `This control plane has an owner, but no valid owner token is in '${paths.profilesFile}'.`, {
    hint: `Put the file back, or log in with another owner's token: maestro login <url> --profile ${LOCAL_PROFILE}. To begin anew, move '${up.dir}' away.`,
  });

const HostFile = z.object({ hostId: z.string() });

/** This machine's host id here; undefined when it is a host of another control plane, which is left alone. */
export async function readyHost(place: AccessPlace, owner: ApiClient): Promise<string | undefined> {
  const { paths, up, origins, pin } = place;
  const identity = readIdentity(paths);
  const own = readHostFile(up);
  if (identity !== undefined && identity.record.hostId !== own) {
    place.note(`This machine already is host '${identity.record.name}' of ${identity.record.origin}; it stays that.`);
    return undefined;
  }
  if (identity !== undefined && (await isKnown(owner, identity.record.hostId))) {
    const hex = pin === undefined ? undefined : parsePin(pin);
    const { pin: _pin, allowHttp: _allowHttp, ...rest } = identity.record;
    const allowHttp = isAllowedHttp(origins) ? { allowHttp: ownNetwork(origins) } : {};
    const record = { ...rest, url: origins.local, origin: origins.public, ...(hex?.ok === true ? { pin: hex.value } : {}), ...allowHttp };
    // Port, address or certificate may be others this time.
    if (JSON.stringify(record) !== JSON.stringify(identity.record)) writeIdentity(paths, { ...identity, record });
    return record.hostId;
  }
  const { token } = await owner.call("hostJoinCreate", { body: {} });
  const record = await joinHere(place, token);
  writeDurably(up.hostFile, `${JSON.stringify({ hostId: record.hostId })}\n`);
  place.note(`Enrolled this machine as host '${record.name}'.`);
  return record.hostId;
}

async function joinHere({ paths, origins, pin }: AccessPlace, token: string) {
  const allowHttp = isAllowedHttp(origins) ? ownNetwork(origins) : [];
  const suggestedName = suggestedHostName(hostname());
  const joined = await joinHost({
    paths,
    url: origins.local,
    token,
    suggestedName,
    labels: {},
    allowHttp,
    force: true,
    ...(pin === undefined ? {} : { pin }),
  });
  if (joined.ok) return joined.value;
  throw new MaestroFailure(joined.error);
}

async function isKnown(owner: ApiClient, id: string): Promise<boolean> {
  try {
    await owner.call("host", { params: { id } });
    return true;
  } catch (error) {
    if (error instanceof ServerRefusal && error.problem.status === 404) return false;
    throw error;
  }
}

function readHostFile({ hostFile }: UpPaths): string | undefined {
  const text = readPrivate(hostFile);
  if (text === undefined) return undefined;
  try {
    return HostFile.parse(JSON.parse(text)).hostId;
  } catch {
    return undefined;
  }
}
