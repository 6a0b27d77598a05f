/** The two secrets of a deployment: made here, handed to wrangler on its stdin, kept nowhere else. */
import { createHash, randomBytes } from "node:crypto";
import { formatToken } from "../../shared/src/token.ts";
import { jsonIn, textFields, wrangler } from "./wrangler.ts";

export type SecretsOutcome =
  /** Shown once to the person who deploys; only its hash is stored. */
  | { state: "made"; bootstrap: string }
  /** Made by an earlier deployment. A new MAESTRO_SECRET would invalidate every token, session and ticket. */
  | { state: "kept" };

const NAMES = ["MAESTRO_SECRET", "BOOTSTRAP_SHA256"];

export async function provideSecrets(config: string): Promise<SecretsOutcome> {
  const known = await existingSecrets(config);
  if (NAMES.every((name) => known.includes(name))) return { state: "kept" };
  const bootstrap = formatToken("boot", randomBytes(96));
  const secrets = {
    ...(known.includes("MAESTRO_SECRET") ? {} : { MAESTRO_SECRET: randomBytes(32).toString("base64url") }),
    BOOTSTRAP_SHA256: createHash("sha256").update(bootstrap).digest("hex"),
  };
  await wrangler("Storing the Worker's secrets", ["secret", "bulk", "--config", config], { input: JSON.stringify(secrets) });
  return { state: "made", bootstrap };
}

/** A Worker that does not exist yet has none, which wrangler tells as a failure. */
async function existingSecrets(config: string): Promise<string[]> {
  try {
    const output = await wrangler("Listing the Worker's secrets", ["secret", "list", "--format", "json", "--config", config]);
    return textFields(jsonIn(output), "name").flatMap(({ name }) => name ?? []);
  } catch (error) {
    if (error instanceof Error && /10007|not found|does not exist/i.test(error.message)) return [];
    throw error;
  }
}
