/** On a stream of bytes: the key exchange, the host's key before anything else, then authentication. One deadline for all of it. */
import type { Duplex } from "node:stream";
import type { AnyAuthMethod, AuthenticationType } from "ssh2";
import { fail, MaestroFailure, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { enrolHostKey, readKnownHosts } from "../known-hosts/files.ts";
import { preferKnown } from "../known-hosts/verdict.ts";
import type { SshTarget } from "../ssh-target.ts";
import { agentSocketOf } from "./agent.ts";
import { offered } from "./algorithms.ts";
import { Authentication } from "./authentication.ts";
import { SshConnection } from "./connection.ts";
import { within } from "./deadline.ts";
import type { DialOptions } from "./dial-options.ts";
import { classifyHandshake, gaveUp, timedOut, type Stage } from "./failures.ts";
import { decideHostKey, type HostKeyDecision, type SeenHostKey } from "./host-key.ts";
import { loadSsh2 } from "./library.ts";

/** The stream is destroyed unless a connection comes of it. */
export async function handshake(
  target: SshTarget,
  stream: Duplex,
  below: SshConnection | undefined,
  options: DialOptions,
): Promise<Result<SshConnection>> {
  stream.on("error", () => {});
  // It may be over before ssh2 listens to it.
  const ended = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  const made = await attempt(target, stream, ended, below, options).catch((cause: unknown): Result<SshConnection> => {
    if (cause instanceof MaestroFailure) return err(cause.error);
    throw cause;
  });
  if (!made.ok) stream.destroy();
  return made;
}

async function attempt(
  target: SshTarget,
  stream: Duplex,
  ended: Promise<void>,
  below: SshConnection | undefined,
  options: DialOptions,
): Promise<Result<SshConnection>> {
  const files = [...new Set([...target.knownHostsFiles, options.hostKeysFile])];
  const known = await readKnownHosts(files);
  if (!known.ok) return known;
  const algorithms = offered(target.algorithms, preferKnown(known.value, target, target.algorithms.hostKeys), below !== undefined);
  if (!algorithms.ok) return algorithms;
  const ssh2 = await loadSsh2();

  const client = new ssh2.Client();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let stage: Stage = "handshake";
  let shown: { key: Buffer; decision: HostKeyDecision } | undefined;
  let enrolled: Promise<void> = Promise.resolve();
  const refuse = (error: MaestroError) => reject(new MaestroFailure(error));

  const socket = agentSocketOf(target.agent, options.env);
  const authentication = new Authentication(ssh2, target, socket, options);
  client.on("error", (cause: Error & { level?: string }) => {
    // An agent that does not sign, or a key that cannot: the next one is tried.
    if (stage === "authentication" && (cause.level === "agent" || cause.level === "client-authentication")) return;
    refuse(classifyHandshake(target, stage, cause));
  });
  void ended.then(() => refuse(classifyHandshake(target, stage, undefined)));
  client.once("handshake", () => {
    stage = "authentication";
    // Only now it has proved that the key is its own.
    if (shown?.decision.type === "enrol") enrolled = enrol(options, target, shown.key, shown.decision.seen);
    else if (shown !== undefined) options.observe({ type: "host-key", key: shown.decision.seen, enrolled: false });
  });
  client.once("ready", () => resolve());

  /** The callback form: a promise that is returned counts as a yes. */
  const hostVerifier = (key: Buffer, verify: (valid: boolean) => void): void => {
    // Keys are exchanged anew from time to time; the host's own stays.
    if (shown !== undefined) return verify(shown.key.equals(key) && shown.decision.type !== "refused");
    const decision = decideHostKey(known.value, target, key, options.accept);
    shown = { key, decision };
    if (decision.type === "refused") {
      options.observe({ type: "host-key", key: decision.seen, enrolled: false });
      refuse(decision.error);
    }
    verify(decision.type !== "refused");
  };
  const authHandler = (left: AuthenticationType[] | null, _partial: boolean, next: (method: AnyAuthMethod) => void): void => {
    enrolled.then(() => authentication.next(left)).then((method) => (method.ok ? next(method.value) : refuse(method.error)), reject);
  };
  try {
    client.connect({
      sock: stream,
      username: target.user,
      algorithms: algorithms.value,
      hostVerifier,
      authHandler,
      // Our own deadline holds.
      readyTimeout: 0,
      keepaliveInterval: target.aliveIntervalMs,
      keepaliveCountMax: target.aliveCountMax,
      // Held ready; what asks for it says so, channel by channel.
      ...(target.forwardAgent && socket !== undefined ? { agent: socket } : {}),
    });
    const waited = await within(promise, target.connectTimeoutMs, options);
    if (waited.type === "done" && shown !== undefined) {
      options.observe({ type: "authenticated", how: authentication.how });
      const connection = new SshConnection({
        target,
        client,
        stream,
        hostKey: { ...shown.decision.seen, state: "known" },
        below,
        clock: options.clock,
      });
      return ok(connection);
    }
    client.destroy();
    return err(waited.type === "aborted" ? gaveUp(target) : timedOut(target, WAITED_FOR[stage]));
  } catch (cause) {
    client.destroy();
    throw cause;
  }
}

const WAITED_FOR: Readonly<Record<Stage, string>> = {
  handshake: "no SSH server answered",
  authentication: "authentication was not through",
};

async function enrol({ hostKeysFile, observe }: DialOptions, target: SshTarget, key: Buffer, seen: SeenHostKey): Promise<void> {
  const written = await enrolHostKey(hostKeysFile, target, key);
  if (!written.ok) throw fail(written.error.code, written.error.detail, written.error);
  observe({ type: "host-key", key: { ...seen, state: "known" }, enrolled: true });
}
