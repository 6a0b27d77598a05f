/** Secrets are not in wrangler.toml, so `wrangler types` cannot know them. */
interface __BaseEnv_Env {
  /** base64url, 32 bytes: root of the pepper and of every signing key. */
  MAESTRO_SECRET: string;
  /** Hex SHA-256 of the whole bootstrap token text. */
  BOOTSTRAP_SHA256: string;
  /** Embedded without a front: the only address that anybody can come from, whatever they say. */
  CLIENT_ADDRESS?: string;
}
