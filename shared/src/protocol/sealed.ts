/**
 * [TK5] How `task.start` carries the environment that must touch no disk. `sealed` is base64url, without padding, of
 *
 *   ephemeral X25519 public key (32 bytes) ‖ nonce (12 bytes) ‖ AES-256-GCM ciphertext and tag (16 bytes)
 *
 * The AES key is HKDF-SHA256 (empty salt, `info` below) of the X25519 secret of the ephemeral key and the host's sealing key.
 * `info` is the additional data as well, so that what was sealed for one attempt and fence opens for no other; one ephemeral
 * key may serve several of them within a minute. Inside is the JSON of a flat object, name → value, in UTF-8. The two ends of
 * it: `crypto/sealed.ts` of the control plane, `tasks/unseal.ts` of the host.
 */
import * as z from "zod";

export const SEALED_PUBLIC_KEY_BYTES = 32;
export const SEALED_NONCE_BYTES = 12;
export const SEALED_TAG_BYTES = 16;
/** An empty object is the least there is. */
export const SEALED_MIN_BYTES = SEALED_PUBLIC_KEY_BYTES + SEALED_NONCE_BYTES + SEALED_TAG_BYTES + 2;

export const sealedInfo = (attempt: string, fence: number): string => `maestro/v1/start/${attempt}/${fence}`;

export const SealedEnv = z.record(z.string().min(1).max(128), z.string());
export type SealedEnv = z.infer<typeof SealedEnv>;
