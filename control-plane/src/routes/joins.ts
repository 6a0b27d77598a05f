/** Enrolment: a join token for an operator, a host's identity for the machine that presents it. */
import * as z from "zod";
import { fail, MaestroFailure } from "@maestro/shared/errors";
import { JOIN_TTL_MS } from "@maestro/shared/limits";
import { joinSigningText, rotateSigningText } from "@maestro/shared/protocol/link-auth";
import { parseToken } from "@maestro/shared/token";
import { equalDigests, sha256Hex } from "../crypto/digest.ts";
import { isPublicKey, verifyAny } from "../crypto/ed25519.ts";
import { toBase64Url } from "../crypto/encoding.ts";
import { openClaims, sealClaims } from "../crypto/signed.ts";
import { bumpRegistry } from "../db/fleets.ts";
import { hostById, rotateHostKey } from "../db/hosts.ts";
import { enrol, insertJoin, joinByLookup, namesLike, type JoinRow } from "../db/joins.ts";
import { freeName, joinLabels, joinName } from "../domain/access/join.ts";
import { joinLine } from "../domain/access/join-line.ts";
import { mayTouchHost, withinLimits } from "../domain/access/permissions.ts";
import type { NewEvent } from "../domain/events/event.ts";
import { defineRoutes, unwrap, type RouteContext } from "../http/define-route.ts";
import { originsHere, serverOrigin } from "../http/origin.ts";
import { freshSecret, parsedDigest } from "../http/secrets.ts";
import { relayOf } from "../objects/relay-call.ts";
import { tellRegistry } from "./registry.ts";

const NONCE_BYTES = 16;
/** Between the two calls of an enrolment. */
const PROOF_WITHIN_MS = 60_000;
/** A rotation whose answer was lost must not strand the host. */
const KEY_OVERLAP_MS = 24 * 3_600_000;

/** Bound to this token and these keys (`b`, a digest of them); nothing is stored between the calls. */
const NonceClaims = z.object({ b: z.string(), e: z.number(), r: z.string() });

export const joinRoutes = defineRoutes({
  async hostJoinCreate(rx) {
    const { body, config, principal } = rx;
    // Whoever is limited to some hosts enrols those: the name is bound then.
    const reached = body.name !== undefined && mayTouchHost(principal, body.name) ? { hosts: principal.hosts } : {};
    unwrap(withinLimits(principal, reached));
    const secret = await freshSecret("join", config.keys.pepper, rx.random);
    const expiresMs = rx.nowMs + (body.ttlSeconds === undefined ? JOIN_TTL_MS : body.ttlSeconds * 1000);
    const id = rx.newId("join");
    await rx.audit(id);
    await insertJoin(rx.db, {
      id,
      fleet: rx.fleet,
      lookup: secret.lookup,
      digest: secret.digest,
      name: body.name ?? null,
      labels: body.labels ?? null,
      createdBy: rx.principal.id,
      createdMs: rx.nowMs,
      expiresMs,
      usedMs: null,
      host: null,
    });
    const url = serverOrigin(config, new URL(rx.c.req.url));
    return {
      id,
      token: secret.text,
      expiresAt: new Date(expiresMs).toISOString(),
      url,
      line: joinLine(url, secret.text, config.tlsPin),
      ...(config.tlsPin === undefined ? {} : { pin: config.tlsPin }),
    };
  },

  async hostJoin(rx) {
    const join = await joinOf(rx, rx.body.token);
    const { signingKey, sealingKey, nonce, proof, suggested = false } = rx.body;
    if (!isPublicKey(signingKey)) throw badKey("signingKey", "an Ed25519");
    if (!isPublicKey(sealingKey)) throw badKey("sealingKey", "an X25519");
    const name = unwrap(joinName(join.name, rx.body.name, suggested));
    const bound = (await sha256Hex(`${join.id}\n${signingKey}\n${sealingKey}`)).slice(0, 32);
    if (nonce === undefined || proof === undefined) {
      await rx.audit(name, "hostJoinNonce");
      const fresh = { b: bound, e: rx.nowMs + PROOF_WITHIN_MS, r: toBase64Url(rx.random(NONCE_BYTES)) } satisfies z.infer<
        typeof NonceClaims
      >;
      return { step: "prove" as const, nonce: await sealClaims(rx.config.keys.joinNonce, fresh) };
    }
    const url = new URL(rx.c.req.url);
    const origin = serverOrigin(rx.config, url);
    const texts = originsHere(rx.config, url).map((here) => joinSigningText(here, nonce, signingKey, sealingKey));
    const claims = await openClaims(rx.config.keys.joinNonce, nonce, NonceClaims);
    const fresh = claims?.b === bound && claims.e > rx.nowMs;
    if (!fresh || !(await verifyAny([signingKey], proof, texts))) {
      throw fail("proof_invalid", "The proof does not fit the key, the nonce and this server's address.", {
        field: "proof",
        hint: `Sign for ${origin}; begin again without a nonce.`,
      });
    }
    await rx.audit(name);
    const enrolAs = (as: string) =>
      enrol(rx.db, join, {
        id: rx.newId("host"),
        fleet: join.fleet,
        name: as,
        labels: joinLabels(join.labels, rx.body.labels),
        signingKey,
        sealingKey,
        createdMs: rx.nowMs,
      });
    const host = await enrolAs(name).catch(async (error: unknown) => {
      if (!(error instanceof MaestroFailure) || error.error.code !== "host_exists") throw error;
      const taken = await namesLike(rx.db, join.fleet, name);
      if (suggested && join.name === null) return enrolAs(freeName(name, taken));
      throw hostNameTaken(name, taken);
    });
    if (host === undefined) throw joinUsed();
    tellRegistry(rx, join.fleet);
    await rx.feed.append([{ type: "host.joined", subject: host.id, summary: `Host ${host.name} joined`, data: { name: host.name } }]);
    return {
      step: "joined" as const,
      host: { id: host.id, name: host.name },
      fleet: join.fleet,
      origin,
      serverTime: new Date(rx.nowMs).toISOString(),
    };
  },

  async hostKey(rx) {
    const { principal, body } = rx;
    if (!isPublicKey(body.signingKey)) throw badKey("signingKey", "an Ed25519");
    const host = await hostById(rx.db, principal.id);
    if (host !== undefined && host.via !== null)
      throw fail("host_forbidden", `Host '${host.name}' is carried: its carrier gives it its keys.`, {
        hint: "POST /api/v1/hosts/self/carried/:id, as the carrier.",
      });
    // The request's own signature does not cover its body: the present key vouches for the new one. The key before
    // it may only repeat the rotation that replaced it, for a host whose answer was lost.
    const vouching = host?.signingKey === body.signingKey ? host.previousKey : host?.signingKey;
    const texts = originsHere(rx.config, new URL(rx.c.req.url)).map((here) => rotateSigningText(here, principal.id, body.signingKey));
    if (vouching === null || vouching === undefined || !(await verifyAny([vouching], body.proof, texts))) {
      throw fail("proof_invalid", "The new key is not vouched for by the present one.", {
        field: "proof",
        hint: "Sign the rotation with the present key.",
      });
    }
    const { fleet, id, name, claim } = principal;
    const admitted = await relayOf(rx.env, fleet, id).admitKey({ fleet, host: id, hostName: name, claim });
    if (!admitted.ok) throw new MaestroFailure(admitted.error);
    await rx.audit(name);
    await rotateHostKey(rx.db, fleet, id, body.signingKey, rx.nowMs + KEY_OVERLAP_MS, rx.nowMs);
    await bumpRegistry(rx.db, fleet);
    tellRegistry(rx, fleet);
    if (host?.signingKey !== body.signingKey) await rx.feed.append(rotationEvents(id, name, admitted.known));
  },
});

function rotationEvents(subject: string, name: string, known: boolean): NewEvent[] {
  const rotated: NewEvent = { type: "host.key_rotated", subject, summary: `Host '${name}' has a new signing key.`, data: { name } };
  if (known) return [rotated];
  const summary = `The new key of host '${name}' came from a process that is not its link: if nobody rotated it there, remove the host.`;
  return [rotated, { type: "alert", subject, summary, data: { name, code: "key_rotated" } }];
}

async function joinOf(rx: RouteContext<"hostJoin">, text: string): Promise<JoinRow> {
  const parsed = unwrap(parseToken(text, ["join"]));
  const join = await joinByLookup(rx.db, parsed.id);
  if (join === undefined || !equalDigests(join.digest, await parsedDigest(rx.config.keys.pepper, parsed))) {
    throw fail("join_token_invalid", "This join token is not known here.", {
      field: "token",
      hint: "Copy the whole line again, or make a new one in the console.",
    });
  }
  rx.identify({ fleet: join.fleet, actor: `join:${join.id}`, credential: join.id });
  if (join.usedMs !== null) throw joinUsed();
  if (join.expiresMs <= rx.nowMs)
    throw fail("join_token_expired", `This join token expired on ${new Date(join.expiresMs).toISOString()}.`, {
      field: "token",
      hint: "Make a new one in the console.",
    });
  return join;
}

const joinUsed = (): Error =>
  fail("join_token_used", "This join token was used before; each enrols one machine.", {
    field: "token",
    hint: "Make a new one in the console.",
  });
const badKey = (field: string, what: string): Error =>
  fail("field_invalid", `'${field}' must be ${what} public key: 32 bytes in base64url.`, { field });
const hostNameTaken = (name: string, taken: string[]): Error =>
  fail("host_exists", `A host named '${name}' exists.`, { field: "name", hint: `Join as --name ${freeName(name, taken)}.` });
