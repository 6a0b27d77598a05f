/** Whether the key that a host shows may be talked to; said before anything of ours is shown to it. Pure but for the files read. */
import type { AcceptHostKey, HostCheck } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { typeOf, type KnownHost } from "../known-hosts/entries.ts";
import { fingerprint, judgeHostKey } from "../known-hosts/verdict.ts";
import type { SshTarget } from "../ssh-target.ts";

export type SeenHostKey = NonNullable<HostCheck["hostKey"]>;

export type HostKeyDecision =
  | { type: "known"; seen: SeenHostKey }
  /** Not known yet, and somebody said that it is to be. */
  | { type: "enrol"; seen: SeenHostKey }
  | { type: "refused"; seen: SeenHostKey; error: MaestroError };

export function decideHostKey(
  entries: readonly KnownHost[],
  target: SshTarget,
  key: Buffer,
  accept: AcceptHostKey | undefined,
): HostKeyDecision {
  const verdict = judgeHostKey(entries, target, key);
  const sha256 = fingerprint(key);
  const seen: SeenHostKey = { type: typeOf(key) ?? "unknown", sha256, state: verdict.state };
  const field = "acceptHostKey";
  switch (verdict.state) {
    case "known":
      return { type: "known", seen };
    case "unknown":
      if (accept === "new" || accept === sha256) return { type: "enrol", seen };
      return {
        type: "refused",
        seen,
        error: maestroError(
          "host_key_unknown",
          `The ${seen.type} key of ${placeOf(target)}, ${sha256}, is not known${accept === undefined ? "" : `, and it is not the ${accept} that was said to be its own`}.${verdict.authority ? " A certificate authority is known for it, which is not read here." : ""}`,
          {
            field,
            hint: `Compare it with \`ssh-keygen -lf\` there, then: maestro host check … --accept-host-key ${sha256}`,
            extra: { sha256 },
          },
        ),
      };
    case "changed": {
      const [first] = verdict.known;
      const known = verdict.known.map((entry) => fingerprint(entry.key));
      return {
        type: "refused",
        seen,
        error: maestroError(
          "host_key_changed",
          `${placeOf(target)} shows the ${seen.type} key ${sha256}; known is ${known.join(", ")} (${first?.path ?? ""}:${first?.line ?? 0}). Nothing was shown to it.`,
          {
            field,
            hint: `Somebody may be in between. If the host was made anew, remove that line and accept the new key.`,
            extra: { sha256, known },
          },
        ),
      };
    }
    case "revoked":
      return {
        type: "refused",
        seen,
        error: maestroError(
          "host_key_revoked",
          `The ${seen.type} key of ${placeOf(target)}, ${sha256}, is marked as revoked (${verdict.entry.path}:${verdict.entry.line}).`,
          { field, hint: "Do not use this host until it has a new key.", extra: { sha256 } },
        ),
      };
  }
}

export const placeOf = ({ hostName, port }: Pick<SshTarget, "hostName" | "port">): string =>
  port === 22 ? hostName : hostName.includes(":") ? `[${hostName}]:${port}` : `${hostName}:${port}`;
