/** [TK6] Where the bytes of an attempt's images come from: the control plane, by calls of the host that carries it, so that they are in nobody's way on its link. */
import type { IncomingMessage } from "node:http";
import type { MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { deadlineMs } from "../daemon/clock.ts";
import type { KeyPair } from "../daemon/identity.ts";
import { hostAuthorization } from "../link/authorization.ts";
import { askServer, readAnswer, readProblem } from "../link/http-call.ts";
import type { LinkTarget } from "../link/link.ts";

export interface WantedImage {
  attempt: string;
  fence: number;
  /** Of the attempt's images, from 0. */
  index: number;
  /** What comes before it is here already. */
  offset: number;
}

/** Resolves at the end of it, or says why it broke off; what has come was given to `take` before. */
export type ImageSource = (wanted: WantedImage, take: (bytes: Uint8Array) => void, signal: AbortSignal) => Promise<Result<void>>;

export interface SourceDeps {
  target(): LinkTarget;
  key(): KeyPair;
  epoch(): { start: number; connect: number };
  serverTime: { nowMs(): number; learnFrom(error: MaestroError): boolean };
  timeScale: number;
}

/** An image over a slow line; what breaks off goes on from there. */
const CALL_MS = 60_000;

export function imageSource({ target, key, epoch, serverTime, timeScale }: SourceDeps): ImageSource {
  return async ({ attempt, fence, index, offset }, take, signal) => {
    const { url, pin, claimant } = target();
    const at = `/api/v1/hosts/self/attempts/${attempt}/images/${index}`;
    const authorization = hostAuthorization(claimant, { key: key(), epoch: epoch(), timeMs: serverTime.nowMs(), method: "GET", path: at });
    const asked = await askServer(
      {
        url,
        ...(pin === undefined ? {} : { pin }),
        method: "GET",
        path: `${at}?fence=${fence}&offset=${offset}`,
        headers: { authorization },
        timeoutMs: deadlineMs(CALL_MS, timeScale),
        signal,
      },
      (response) => read(response, take),
    );
    const answer = asked.ok ? asked.value : asked;
    if (!answer.ok) serverTime.learnFrom(answer.error);
    return answer;
  };
}

async function read(response: IncomingMessage, take: (bytes: Uint8Array) => void): Promise<Result<void>> {
  if (response.statusCode !== 200) {
    const { status, json } = await readAnswer(response);
    return err(readProblem(status, json));
  }
  for await (const chunk of response) take(Buffer.from(chunk));
  return ok(undefined);
}
