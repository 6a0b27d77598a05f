/** Enrolment: keys are made here, their possession proven to the control plane, and the host's record kept. */
import type * as z from "zod";
import { fail, maestroError, MaestroFailure } from "@maestro/shared/errors";
import { JoinResult, type JoinBody } from "@maestro/shared/contract/resources";
import { REQUEST_TIMEOUT_MS } from "@maestro/shared/limits";
import { joinSigningText } from "@maestro/shared/protocol/link-auth";
import { err, ok, type Result } from "@maestro/shared/result";
import { parseToken } from "@maestro/shared/token";
import { ensurePrivateDir, type Paths } from "../config/paths.ts";
import { parsePin } from "../link/connector.ts";
import { callServer, readProblem } from "../link/http-call.ts";
import { checkServerUrl, isLoopback } from "../link/server-url.ts";
import { giveToOwnerOf } from "./durable-file.ts";
import { generateSealingKey, generateSigningKey, readIdentity, signText, writeIdentity, type HostRecord } from "./identity.ts";

export interface JoinOptions {
  paths: Paths;
  /** The control plane's origin. */
  url: string;
  /** `mst_join_…` */
  token: string;
  name?: string;
  /** What this machine would be called if nobody says otherwise. */
  suggestedName?: string;
  labels: Readonly<Record<string, string>>;
  /** SHA-256 of the server's public key (SPKI): hex, base64 or base64url, with or without `sha256:`. */
  pin?: string;
  /** Networks that plain http may be spoken to besides loopback. */
  allowHttp: readonly string[];
  /** Replaces an existing identity; without it a machine that already joined is refused. */
  force?: boolean;
}

/** Refusals of the server come back with its own code; nothing is written unless the host is in. */
export async function joinHost(options: JoinOptions): Promise<Result<HostRecord>> {
  try {
    return ok(await join(options));
  } catch (cause) {
    if (cause instanceof MaestroFailure) return err(cause.error);
    throw cause;
  }
}

async function join({ paths, url, token, name, suggestedName, labels, pin, allowHttp, force = false }: JoinOptions): Promise<HostRecord> {
  const server = unwrap(checkServerUrl(url, allowHttp));
  unwrap(parseToken(token, ["join"]));
  const pinned = pin === undefined ? undefined : unwrap(parsePin(pin));
  ensurePrivateDir(paths.home, process.getuid?.() ?? 0);
  ensurePrivateDir(paths.hostDir, process.getuid?.() ?? 0);
  giveToOwnerOf(paths.home, paths.hostDir);
  const existing = readIdentity(paths);
  if (existing !== undefined && !force) {
    throw fail("host_exists", `This machine already is host '${existing.record.name}' of ${existing.record.origin}.`, {
      hint: "Remove it there and join with --force, or use another MAESTRO_HOME.",
    });
  }
  const signing = generateSigningKey();
  const sealing = generateSealingKey();
  const body = {
    token,
    ...(name !== undefined ? { name } : suggestedName !== undefined ? { name: suggestedName, suggested: true } : {}),
    labels: { ...labels },
    signingKey: signing.public,
    sealingKey: sealing.public,
  };
  const post = (content: z.infer<typeof JoinBody>) => postJoin(server, pinned, content);

  const first = await post(body);
  if (first.step !== "prove") throw unexpected();
  const proof = signText(signing, joinSigningText(server.origin, first.nonce, signing.public, sealing.public));
  const second = await post({ ...body, nonce: first.nonce, proof });
  if (second.step !== "joined") throw unexpected();

  const record: HostRecord = {
    hostId: second.host.id,
    name: second.host.name,
    fleet: second.fleet,
    url: server.origin,
    origin: second.origin,
    ...(pinned === undefined ? {} : { pin: pinned }),
    ...(server.protocol === "https:" || isLoopback(server.hostname) ? {} : { allowHttp: [...allowHttp] }),
  };
  writeIdentity(paths, { record, signing, sealing });
  return record;
}

async function postJoin(url: URL, pin: string | undefined, body: z.infer<typeof JoinBody>): Promise<z.infer<typeof JoinResult>> {
  const answer = unwrap(
    await callServer({
      url,
      ...(pin === undefined ? {} : { pin }),
      method: "POST",
      path: "/api/v1/hosts/join",
      headers: {},
      body,
      timeoutMs: REQUEST_TIMEOUT_MS,
    }),
  );
  if (answer.status >= 300) throw new MaestroFailure(readProblem(answer.status, answer.json));
  const parsed = JoinResult.safeParse(answer.json);
  if (!parsed.success) throw unexpected();
  return parsed.data;
}

function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new MaestroFailure(result.error);
}

const unexpected = (): MaestroFailure =>
  new MaestroFailure(
    maestroError("server_error", "The control plane's answer to the join was not understood.", {
      hint: "Use a maestro of the control plane's own version: its /install.sh installs it.",
    }),
  );
