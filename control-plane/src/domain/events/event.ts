/** What is told to followers [EV2]: ids and summaries, safe to print. */
import type { EVENT_TYPES, FleetEvent } from "@maestro/shared/contract/resources";
import { stripUnsafe } from "@maestro/shared/sanitize";

export type EventType = (typeof EVENT_TYPES)[number];

export interface NewEvent {
  type: EventType;
  /** The id of what it happened to. */
  subject: string;
  summary: string;
  /** Small, JSON. */
  data?: Record<string, string | number | boolean | string[]>;
}

export const SUMMARY_CHARS = 512;

export function toFleetEvent(event: NewEvent, seq: number, id: string, atMs: number): FleetEvent {
  return {
    id,
    seq,
    at: new Date(atMs).toISOString(),
    type: event.type,
    subject: event.subject,
    summary: stripUnsafe(event.summary, SUMMARY_CHARS),
    ...(event.data === undefined ? {} : { data: event.data }),
  };
}
