/** Each frame of the relay to the one who handles it; exhaustive, so that a new frame does not compile unhandled. */
import type { MaestroError } from "@maestro/shared/errors";
import type { HostFrame, LinkWelcome, RelayFrame, RequestName, RequestResult } from "@maestro/shared/protocol/link";
import { err, type Result } from "@maestro/shared/result";
import type { LogLink } from "../tasks/log-sending.ts";
import type { Terminals } from "../terminal/terminals.ts";
import type { BlobName } from "./blobs.ts";
import type { Requests } from "./requests.ts";

export type FrameOf<T extends RelayFrame["t"]> = Extract<RelayFrame, { t: T }>;
/** A request as work that answers by value. */
export type Action<N extends RequestName & RelayFrame["t"]> = (frame: FrameOf<N>) => Promise<Result<RequestResult<N>>>;

export interface HostActions {
  createSession: Action<"session.create">;
  startAgent: Action<"agent.start">;
  /** Whether the host's own policy keeps this session to itself. */
  refuseWatch(session: string): MaestroError | undefined;
  killSession: Action<"session.kill">;
  /** The screen's bytes travel before the answer, as blob frames on the channel the request names. */
  readScreen(frame: FrameOf<"session.screen">, blob: (bytes: Uint8Array) => void): Promise<Result<RequestResult<"session.screen">>>;
  sendInput: Action<"session.input">;
  ensureWorkspace: Action<"workspace.ensure">;
  resetWorkspace: Action<"workspace.reset">;
  detect: Action<"detect">;
  checkHost: Action<"host.check">;
  /** As with screens: the bytes travel before the answer. */
  readFiles(frame: FrameOf<"host.files">, blob: (bytes: Uint8Array) => void): Promise<Result<RequestResult<"host.files">>>;
  listSshConfig: Action<"host.ssh-config">;
  welcome(frame: LinkWelcome): void;
  registry(version: number): void;
  drain(draining: boolean): void;
}

/** Tasks of this host, and their logs [TK] [LG]. */
export interface HostTasks {
  /** @param blob the spec, where it outgrew the frame. */
  offer(frame: FrameOf<"task.offer">, blob: Uint8Array | undefined): Promise<Result<RequestResult<"task.offer">>>;
  start: Action<"task.start">;
  cancel: Action<"task.cancel">;
  cleanup: Action<"task.cleanup">;
  ack(frame: FrameOf<"task.ack">): void;
  /** [TK5] What was asked for again. */
  secrets(frame: FrameOf<"task.secrets">): void;
  /** [TK3] All that are not acknowledged. */
  reports(): HostFrame[];
  logDurable(frame: FrameOf<"log.durable">): void;
  logNeed(frame: FrameOf<"log.need">): void;
  logFollow(frame: FrameOf<"log.follow">): void;
  /** After `welcome` and what is told then. */
  linkUp(link: LogLink): void;
  linkDown(): void;
  /** [TK2] The far end gave a sign of life, so it has seen this host. */
  seen(): void;
  /** The host drains, or takes work again. */
  drained(): void;
}

export interface DispatchTargets {
  actions: HostActions;
  tasks: HostTasks;
  terminals: Terminals;
  requests: Requests;
  send(frame: HostFrame): void;
  /** Bytes as blob frames on a channel of the relay's choice. */
  blob(channel: number, bytes: Uint8Array): void;
  /** What the relay sent on a channel of its choice, before the frame that names it. */
  takeBlob(name: BlobName): Result<Uint8Array>;
}

export function dispatch(frame: RelayFrame, { actions, tasks, terminals, requests, send, blob, takeBlob }: DispatchTargets): void {
  switch (frame.t) {
    case "welcome":
      return actions.welcome(frame);
    case "watch":
      return requests.answer(frame.id, frame.t, (done) => {
        const refusal = actions.refuseWatch(frame.session);
        return refusal === undefined ? terminals.watch(frame, done) : done(err(refusal));
      });
    case "unwatch":
      return terminals.unwatch(frame);
    case "want-snapshot":
      return terminals.wantSnapshot(frame);
    case "need":
      return terminals.need(frame);
    case "ack":
      return terminals.ack(frame);
    case "resize":
      return terminals.resize(frame);
    case "session.create":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.createSession(frame)));
    case "agent.start":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.startAgent(frame)));
    case "session.kill":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.killSession(frame)));
    case "session.screen":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.readScreen(frame, (bytes) => blob(frame.blob, bytes))));
    case "session.input":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.sendInput(frame)));
    case "workspace.ensure":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.ensureWorkspace(frame)));
    case "workspace.reset":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.resetWorkspace(frame)));
    case "detect":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.detect(frame)));
    case "host.check":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.checkHost(frame)));
    case "host.files":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.readFiles(frame, (bytes) => blob(frame.blob, bytes))));
    case "host.ssh-config":
      return requests.answer(frame.id, frame.t, async (done) => done(await actions.listSshConfig(frame)));
    case "task.offer": {
      const spec = frame.blob === undefined ? undefined : takeBlob(frame.blob);
      return requests.answer(frame.id, frame.t, async (done) => done(spec?.ok === false ? spec : await tasks.offer(frame, spec?.value)));
    }
    case "task.start":
      return requests.answer(frame.id, frame.t, async (done) => done(await tasks.start(frame)));
    case "task.cancel":
      return requests.answer(frame.id, frame.t, async (done) => done(await tasks.cancel(frame)));
    case "task.cleanup":
      return requests.answer(frame.id, frame.t, async (done) => done(await tasks.cleanup(frame)));
    case "task.ack":
      return tasks.ack(frame);
    case "task.secrets":
      return tasks.secrets(frame);
    case "log.durable":
      return tasks.logDurable(frame);
    case "log.need":
      return tasks.logNeed(frame);
    case "log.follow":
      return tasks.logFollow(frame);
    case "sync":
      send(terminals.sync());
      if (frame.attempts === true) for (const report of tasks.reports()) send(report);
      return undefined;
    case "registry":
      return actions.registry(frame.version);
    case "drain":
      actions.drain(frame.draining);
      return tasks.drained();
  }
}
