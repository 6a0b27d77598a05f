/** How a remote host is reached, as flags; and what of it is sent. Whether it makes sense is the control plane's to say. */
import { AcceptHostKey, TRANSPORTS, type RemoteBody, type RemotePatch } from "@maestro/shared/contract/remote-hosts";
import { err, ok, type Result } from "@maestro/shared/result";
import { flag, invalid, type FlagSpec, type FlagValues } from "../args/spec.ts";

const EMPTY = "; empty goes back to none";

/** Empty is a value: what was there goes. */
export const clearable = (about: string, placeholder: string): FlagSpec<string | undefined> => ({
  ...flag.optional(about, placeholder),
  arity: "value",
});

/** One empty text is a map without entries. */
export const clearablePairs = (about: string): FlagSpec<Readonly<Record<string, string>> | undefined> => {
  const pairs = flag.pairs(about);
  return {
    ...pairs,
    read: (texts, name) => (texts.length === 0 ? ok(undefined) : texts.length === 1 && texts[0] === "" ? ok({}) : pairs.read(texts, name)),
  };
};

/** Not given is not the same as not. */
export const either = (about: string): FlagSpec<boolean | undefined> => {
  const toggle = flag.toggle(about);
  return { ...toggle, read: (texts, name) => (texts.length === 0 ? ok(undefined) : toggle.read(texts, name)) };
};

export const remoteFlags = {
  transport: clearable(`${TRANSPORTS.join(" or ")}; default: by the address`, TRANSPORTS.join("|")),
  user: clearable(`who to be there${EMPTY}`, "name"),
  port: clearable(`where sshd listens; default: 22, or what ssh_config says${EMPTY}`, "n"),
  identity: clearable(`a private key file of the host that reaches it${EMPTY}`, "file"),
  container: clearable("none, auto, or a container there in which everything runs", "auto|none|name"),
  via: flag.text("the linked host that reaches it; default: the only one", "host"),
  cwd: clearable(`where work begins there${EMPTY}`, "dir"),
  "ssh-config": either("the ssh_config of the host that reaches it counts; the address may be a Host of it"),
  option: clearablePairs("options of ssh_config, all of them"),
  env: clearablePairs("environment of all that is started there; not for secrets"),
} as const;

export const acceptFlag = {
  "accept-host-key": flag.text("trust the key it shows: new for any where none is known, or this very one", "new|SHA256:…"),
} as const;

type RemoteValues = FlagValues<typeof remoteFlags>;

/** Absent where nothing was given. */
export function remoteBody(address: string, flags: RemoteValues): RemoteBody & { via?: string } {
  const given = Object.entries(remotePatch(flags)).filter(([, value]) => value !== undefined && value !== null);
  return { address, ...Object.fromEntries(given) };
}

/** Null where what was there shall go. */
export function remotePatch(flags: RemoteValues): RemotePatch & { via?: string } {
  const { transport, user, port, identity, container, via, cwd, option, env } = flags;
  const sshConfig = flags["ssh-config"];
  return {
    ...(transport === undefined ? {} : { transport: orNull(transport) }),
    ...(user === undefined ? {} : { user: orNull(user) }),
    ...(port === undefined ? {} : { port: orNull(port) }),
    ...(identity === undefined ? {} : { identity: orNull(identity) }),
    ...(container === undefined ? {} : { container: orNull(container) }),
    ...(cwd === undefined ? {} : { cwd: orNull(cwd) }),
    ...(sshConfig === undefined ? {} : { sshConfig }),
    ...(option === undefined ? {} : { options: option }),
    ...(env === undefined ? {} : { env }),
    ...(via === undefined ? {} : { via }),
  };
}

const orNull = (text: string): string | null => (text === "" ? null : text);

/** Undefined: none was given. */
export function acceptOf(text: string | undefined): Result<AcceptHostKey | undefined> {
  if (text === undefined) return ok(undefined);
  const read = AcceptHostKey.safeParse(text);
  if (read.success) return ok(read.data);
  return err(invalid("accept-host-key", text, "must be new, or a fingerprint as ssh-keygen -l shows it", "--accept-host-key new"));
}
