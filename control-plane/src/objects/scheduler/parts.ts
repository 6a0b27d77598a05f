/** What a Scheduler is made of. */
import { AlarmClock } from "../host-relay/alarm-clock.ts";
import { Engine } from "./engine.ts";
import { ImageStore } from "./image-store.ts";
import { Lists } from "./lists.ts";
import { Retention } from "./retention.ts";
import { migrateScheduler } from "./schema.ts";
import { SecretStore } from "./secret-store.ts";
import { StateFollowers } from "./state-followers.ts";
import { migrateState } from "./state-schema.ts";
import { StateStore } from "./state-store.ts";
import type { SubmitPort } from "./submit.ts";
import { TaskFinder } from "./task-finder.ts";
import { TaskRows } from "./task-rows.ts";
import { TaskWaiters } from "./task-waiters.ts";

export interface Parts {
  engine: Engine;
  rows: TaskRows;
  finder: TaskFinder;
  lists: Lists;
  waiters: TaskWaiters;
  retention: Retention;
  state: StateStore;
  followers: StateFollowers;
  secrets: SecretStore;
  alarm: AlarmClock;
  submitting: SubmitPort;
  /** Sets the one alarm to what is due next. */
  rearm(): void;
}

export function assemble(ctx: DurableObjectState, env: Env, nowMs: () => number, maxOpen: () => number): Parts {
  migrateScheduler(ctx.storage);
  migrateState(ctx.storage);
  const { sql } = ctx.storage;
  const alarm = new AlarmClock(ctx.storage);
  const rows = new TaskRows(sql);
  const followers = new StateFollowers(ctx, {
    holds: (attempt, fence) => engine.board.holds(attempt, fence) !== undefined,
    sees: (key, reach) => finder.seesKey(key, reach),
  });
  const state = new StateStore(sql, (change) => followers.tell(change));
  const secrets = new SecretStore(sql);
  const images = new ImageStore(sql);
  const waiters = new TaskWaiters(ctx);
  // While the parts are put together nothing is due; the first alarm is set when they are.
  let ready = false;
  const rearm = (): void => {
    if (ready) alarm.arm({ ...engine.dueMs, state: state.nextDueMs(), retention: retention.dueMs, cleanup: waiters.dueMs });
  };
  const engine: Engine = new Engine({
    ctx,
    env,
    scale: scaleOf(env),
    rows,
    state,
    secrets,
    images,
    waiters,
    nowMs,
    rearm,
    ended: (task) => lists.ended(task),
    closed: (tasks) => retention.closed(tasks),
  });
  const finder = new TaskFinder(engine, rows);
  const lists = new Lists(engine, rows, finder);
  const retention = new Retention({
    rows: {
      oldest: (limit, after) => rows.oldest(limit, after),
      delete(task) {
        rows.delete(task);
        if (task.images !== undefined) images.delete(task.key);
      },
    },
    nowMs,
    needed: (key) => engine.board.isWaitedFor(key),
    eraseLog: (attempt) => env.ATTEMPT_LOG.getByName(`${engine.fleet}/${attempt}`).erase(),
    forgotten: () => lists.recount(),
  });
  engine.restore();
  ready = true;
  rearm();
  const submitting: SubmitPort = { engine, rows, finder, images, nowMs, maxOpen, view: (core, work) => lists.view(core, work) };
  return { engine, rows, finder, lists, waiters, retention, state, followers, secrets, alarm, submitting, rearm };
}

function scaleOf(env: Env): number {
  const scale = Number(env.TIME_SCALE);
  return Number.isFinite(scale) && scale > 0 && scale <= 1 ? scale : 1;
}
