/** Work and sessions whose type asks for a container of its own: its workspace is on the machine, and is all that it sees of that. */
import type { AgentType } from "@maestro/shared/contract/check-agent-type";
import { ERRORS, maestroError, type MaestroError } from "@maestro/shared/errors";
import type { SessionId } from "@maestro/shared/ids";
import type { AttemptSpec } from "@maestro/shared/protocol/tasks";
import { err, ok, type Result } from "@maestro/shared/result";
import type { AgentSpec } from "../adapters/launch.ts";
import type { TypeCatalogue } from "../adapters/types/catalogue.ts";
import type { LaunchNote } from "../tasks/attempt-files.ts";
import type { ImageFiles } from "../tasks/attempt-images.ts";
import type { AttemptStore } from "../tasks/attempt-store.ts";
import type { RunningTasks } from "../tasks/linked-tasks.ts";
import type { WorkPlan } from "../tasks/work-plan.ts";
import type { Removal } from "../tasks/worktree.ts";
import { IsolatedContainers, type ContainersDeps } from "./isolated-containers.ts";
import type { Kept } from "./isolated-engine.ts";
import { isolatedType, isolationOf } from "./isolated-type.ts";
import { IsolatedUse, type Claimant } from "./isolated-use.ts";
import { patiently, type Places } from "./place.ts";
import { planRemote } from "./remote-plan.ts";
import { planSession, type SessionPlan } from "./session-plan.ts";

export interface IsolatedDeps extends Omit<ContainersDeps, "removed"> {
  store: AttemptStore;
  /** Containers of open sessions. */
  sessions(): ReadonlySet<string>;
  places: Places;
  catalogue(): TypeCatalogue;
  /** Made where it is not there, links on the way followed. @param log of the attempt, here. */
  prepare(spec: AttemptSpec, type: AgentType, log: string, signal: AbortSignal): Promise<Result<Pick<LaunchNote, "workspace" | "kind">>>;
  removeWorkspace(note: LaunchNote, spec: AttemptSpec): Promise<Removal>;
}

export interface Isolated {
  /** Undefined: it asks for no container of its own. */
  typeOf(spec: AttemptSpec): Result<AgentType | undefined>;
  plan(
    spec: AttemptSpec,
    type: AgentType,
    sealed: Readonly<Record<string, string>>,
    log: string,
    images: ImageFiles,
    cancelled: AbortSignal,
  ): Promise<Result<WorkPlan>>;
  /** @param open what a session of such a type starts, in its container, which runs by then; what is left of it is noted when it resolves. */
  session<T>(order: IsolatedOrder, open: (plan: SessionPlan & { container: string }) => Promise<Result<T>>): Promise<Result<T>>;
  /** Its launch is noted, or did not come about: what was claimed for it is not kept any longer. */
  launched(attempt: string): void;
  /** What is worked in is not cleaned up. */
  refuseRemoval(note: LaunchNote, attempt: string): MaestroError | undefined;
  remove(note: LaunchNote, spec: AttemptSpec): Promise<Removal>;
  wipe(container: string, what: Kept, entry: string): Promise<Result<void>>;
  /** Until aborted. */
  run(stopped: AbortSignal): Promise<void>;
}

export interface IsolatedOrder {
  id: SessionId;
  agent: AgentSpec;
  type: AgentType;
  /** Is there, without links on the way. */
  workspace: string;
}

/** Tasks, and what sessions share with them. */
export interface IsolatingTasks extends RunningTasks {
  isolated: Isolated;
}

export function createIsolated(deps: IsolatedDeps): Isolated {
  const { store, places, signal } = deps;
  const use = new IsolatedUse(store, () => deps.sessions());
  const containers = new IsolatedContainers({ ...deps, removed: (name) => places.forget(name) }, use);
  const refuseRemoval: Isolated["refuseRemoval"] = ({ isolated, container, workspace }, attempt) => {
    if (isolated !== true || container === undefined) return undefined;
    if (deps.sessions().has(container))
      return maestroError("workspace_busy", `A session is open in the container of '${workspace}'.`, {
        field: "workspace",
        hint: "End it first: maestro session kill.",
      });
    return use.look(attempt).working.has(container)
      ? maestroError("workspace_busy", `Work goes on or is about to begin in the container of '${workspace}'.`, {
          field: "workspace",
          hint: "Wait for it, or cancel it.",
        })
      : undefined;
  };
  return {
    typeOf: (spec) => isolatedType(spec, deps.catalogue()),

    async plan(spec, type, sealed, log, images, cancelled) {
      const isolation = isolationOf(type);
      if (isolation === undefined) return err(notIsolated(type));
      const wanted = AbortSignal.any([signal, cancelled]);
      const patience = { clock: deps.clock, timeScale: deps.timeScale, signal: wanted };
      const prepared = await patiently(() => deps.prepare(spec, type, log, wanted), patience, isRefusal);
      if (!prepared.ok) return prepared;
      const { workspace } = prepared.value;
      const claimant: Claimant = { by: "task", id: spec.attempt };
      const release = (): void => use.release(claimant);
      // Its end says so too, where that can be written down.
      cancelled.addEventListener("abort", release, { once: true });
      const ensured = await patiently(() => containers.ensure(workspace, isolation, claimant, wanted), patience, isRefusal);
      if (!ensured.ok) return ensured;
      const { name, made } = ensured.value;
      const looked = await patiently(() => places.container(name).look(wanted, made), patience);
      if (!looked.ok) {
        release();
        return looked;
      }
      containers.use(name);
      const inside = { ...looked.value, record: { env: looked.value.record.env }, isPrepared: true };
      const planned = planRemote({ ...spec, workspace: { mode: "path", path: workspace } }, sealed, inside, images);
      if (!planned.ok) {
        release();
        return planned;
      }
      const { env, note } = planned.value;
      return ok({
        ...planned.value,
        env: { ...env, ...ownNames(env) },
        // The container's own.
        limits: {},
        note: { ...note, ...prepared.value, container: name, isolated: true },
      });
    },

    async session({ id, agent, type, workspace }, open) {
      const isolation = isolationOf(type);
      if (isolation === undefined) return err(notIsolated(type));
      // Whoever asks waits: what fails is said, and asked again by them.
      const claimant: Claimant = { by: "session", id };
      const ensured = await containers.ensure(workspace, isolation, claimant, signal);
      if (!ensured.ok) return ensured;
      const { name, made } = ensured.value;
      try {
        const looked = await places.container(name).look(signal, made);
        if (!looked.ok) return looked;
        containers.use(name);
        const planned = planSession(agent, type, workspace, looked.value);
        if (!planned.ok) return planned;
        return await open({ ...planned.value, container: name, env: { ...planned.value.env, ...ownNames(planned.value.env) } });
      } finally {
        use.release(claimant);
      }
    },

    launched: (attempt) => use.release({ by: "task", id: attempt }),

    refuseRemoval,

    async remove(note, spec) {
      const { container } = note;
      if (container !== undefined) {
        const removed = await containers.remove(container, () => refuseRemoval(note, spec.attempt));
        if (!removed.ok) return { outcome: "kept", detail: removed.error.detail };
        // Their files were in its home.
        for (const attempt of store.list()) if (isOver(store, attempt, container)) forget(store, attempt);
      }
      return deps.removeWorkspace(note, spec);
    },

    wipe: (container, what, entry) => containers.wipe(container, what, entry),
    run: (stopped) => containers.run(stopped),
  };
}

/** By those who were asked, not by the line to them. */
const isRefusal = ({ code }: MaestroError): boolean => code.startsWith("container_") || !ERRORS[code].retryable;

const notIsolated = ({ slug }: AgentType): MaestroError => maestroError("internal", `The type '${slug}' asks for no container.`);

const ownNames = (env: Readonly<Record<string, string>>) => ({
  USER: named(env["USER"]),
  LOGNAME: named(env["LOGNAME"]),
  MAESTRO_CACHE: "/maestro/cache",
});

/** Inside, whoever it is has no name unless the image gives one. */
const named = (user = ""): string => (/^\d*$/.test(user) ? "maestro" : user);

function isOver(store: AttemptStore, attempt: string, container: string): boolean {
  const { launch, end } = store.read(attempt);
  return end !== undefined && launch?.container === container;
}

function forget(store: AttemptStore, attempt: string): void {
  store.mark(attempt, "swept");
  if (store.isMarked(attempt, "unwanted")) store.remove(attempt);
}
