/** `maestro host rotate-key`: a new signing key for this very machine. */
import { EXIT, fail, MaestroFailure } from "@maestro/shared/errors";
import { ensurePrivateDir } from "../../config/paths.ts";
import { pause, systemClock } from "../../daemon/clock.ts";
import { lookForNextKey, readIdentity, writeNextKey } from "../../daemon/identity.ts";
import { beginRotation } from "../../daemon/rotate-key.ts";
import { flag } from "../args/spec.ts";
import { defineCommand } from "../command.ts";

/** A host-agent that is linked takes the key within seconds; one that is not does when it is. */
const PATIENCE_MS = 8_000;
const LOOK_EVERY_MS = 100;

export const hostRotateKey = defineCommand({
  group: "host",
  name: "host rotate-key",
  summary: "Give this machine a new signing key; its host-agent hands it over",
  flags: { system: flag.toggle("of the machine's service: state in /var/lib/maestro") },
  params: {},
  examples: ["maestro host rotate-key", "sudo maestro host rotate-key --system"],
  async run({ out, pathsOf }, { flags }) {
    const paths = pathsOf(flags.system ? "system" : "user");
    const identity = readIdentity(paths);
    if (identity === undefined) throw fail("host_unknown", "This machine has not joined a fleet.", { hint: "maestro host join <url>" });
    const { hostId, name } = identity.record;
    ensurePrivateDir(paths.hostDir, process.getuid?.() ?? 0);
    const { key: begun, problem } = lookForNextKey(paths, identity);
    // What is there and closed to this user may be the key that the control plane has taken.
    if (problem?.code === "insecure_permissions") throw new MaestroFailure(problem);
    // One that was begun and not ended yet goes on with its key, and in the hands of whoever has the identity.
    if (begun !== undefined) writeNextKey(paths, hostId, begun);
    const next = begun ?? beginRotation(paths, hostId);
    const never = new AbortController().signal;
    const isTaken = (): boolean => readIdentity(paths)?.signing.public === next.public;
    for (let waited = 0; !isTaken() && waited < PATIENCE_MS; waited += LOOK_EVERY_MS) await pause(systemClock, LOOK_EVERY_MS, never);
    const rotated = isTaken();
    out.one(
      { id: hostId, name, rotated },
      () =>
        rotated
          ? `Host '${name}' has a new key.`
          : `The new key of '${name}' waits: the host-agent hands it over as soon as it is linked. Until then the present one goes on.`,
      hostId,
    );
    return EXIT.ok;
  },
});
