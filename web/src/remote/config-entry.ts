/** A Host of the carrier's ssh_config that a form was filled from: what it fills, what of it is saved, and the way back. Pure. */
import type { SshConfigEntry } from "@maestro/shared/contract/ssh-config";
import { nameFrom } from "@maestro/shared/names";
import type { RemoteDraft } from "./draft.ts";

export interface PickedEntry {
  /** Id of the linked host whose file it stands in. */
  via: string;
  entry: SshConfigEntry;
  /** What was typed before. */
  before: Pick<RemoteDraft, "name" | "address" | "user" | "port" | "identity" | "sshConfig">;
  /** The name that it gave. */
  name: string;
}

/** Fields of its own, as the form shows them. */
const fieldsOf = ({ user = "", port, identityFile = "" }: SshConfigEntry): Pick<RemoteDraft, "user" | "port" | "identity"> => ({
  user,
  port: port === undefined ? "" : String(port),
  identity: identityFile,
});

/** @param standing the entry that the form is filled from now: what was typed before that one is what was typed before this one. */
export function pick(
  draft: RemoteDraft,
  entry: SshConfigEntry,
  standing: PickedEntry | undefined,
): { draft: RemoteDraft; picked: PickedEntry } {
  const typed = standing === undefined ? draft : unpick(draft, standing);
  const name = typed.name.trim() === "" ? nameFrom(entry.host) : typed.name;
  const { address, user, port, identity, sshConfig } = typed;
  return {
    draft: { ...typed, name, address: entry.host, ...fieldsOf(entry), sshConfig: true },
    picked: { via: typed.via, entry, before: { name: typed.name, address, user, port, identity, sshConfig }, name },
  };
}

/** A name that was given since is kept: it is nothing of the entry's. */
export const unpick = (draft: RemoteDraft, { before, name }: PickedEntry): RemoteDraft => ({
  ...draft,
  ...before,
  name: draft.name === name ? before.name : draft.name,
});

/** Undefined once the form is about something else: another carrier, another address, or no ssh_config. */
export const standingEntry = (draft: RemoteDraft, picked: PickedEntry | undefined): PickedEntry | undefined =>
  picked !== undefined && draft.sshConfig && draft.via === picked.via && draft.address.trim() === picked.entry.host ? picked : undefined;

/** What the file says is left to the file, which may say something else tomorrow; what is other than that goes before it. */
export function asSaved(draft: RemoteDraft, standing: PickedEntry | undefined): RemoteDraft {
  if (standing === undefined) return draft;
  const said = fieldsOf(standing.entry);
  const own = (field: "user" | "port" | "identity"): string => (draft[field].trim() === said[field] ? "" : draft[field]);
  return { ...draft, user: own("user"), port: own("port"), identity: own("identity") };
}

/** `dev@10.0.0.5:2222 · over bastion`; empty where the file says no more than that there is such a host. */
export function entryWords({ host, hostName, user, port, proxyJump }: SshConfigEntry): string {
  const at = hostName ?? host;
  const place = `${user === undefined ? "" : `${user}@`}${at.includes(":") && port !== undefined ? `[${at}]` : at}${port === undefined ? "" : `:${port}`}`;
  return [...(place === host ? [] : [place]), ...(proxyJump === undefined ? [] : [`over ${proxyJump}`])].join(" · ");
}

/** Those that hold each of the words, in what they are called or where they are. */
export function entriesWith(entries: readonly SshConfigEntry[], typed: string): SshConfigEntry[] {
  const words = typed.toLowerCase().split(/\s+/);
  return entries.filter((entry) => {
    const text = `${entry.host} ${entryWords(entry)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
