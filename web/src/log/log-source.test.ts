import { omittedMarker } from "@maestro/shared/log-marker";
import { LOG_HEADERS } from "@maestro/shared/contract/tasks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openLog } from "./log-source.ts";

let answer = (): Response => new Response("");
const asked: string[] = [];
beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("localStorage", { getItem: () => null });
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    return Promise.resolve(answer());
  });
});
afterEach(() => void vi.unstubAllGlobals());

const read = async (query: Parameters<typeof openLog>[1]) => {
  const part = await openLog("att_1", query, new AbortController().signal);
  if (!part.ok) return part.error;
  const { chunks, ...said } = part.value;
  const pieces: [number, string][] = [];
  for await (const { offset, bytes } of chunks) pieces.push([offset, new TextDecoder().decode(bytes)]);
  return { ...said, pieces };
};

describe("a log over HTTP", () => {
  it("is asked for by offset or last lines, and says where it begins and whether it is whole", async () => {
    answer = () =>
      new Response("abc", { headers: { [LOG_HEADERS.start]: "100", [LOG_HEADERS.bytes]: "103", [LOG_HEADERS.complete]: "true" } });
    expect(await read({ tailLines: 20, follow: true })).toEqual({ start: 100, bytes: 103, complete: true, pieces: [[100, "abc"]] });
    expect(asked).toEqual(["/api/v1/attempts/att_1/log?tailLines=20&follow=true"]);
  });

  it("[LG2] has a part left out where its headers say so", async () => {
    const gap = { from: 2, to: 1_000 };
    answer = () => new Response(`ab${omittedMarker(gap)}yz`, { headers: { [LOG_HEADERS.start]: "0", [LOG_HEADERS.omitted]: "2-1000" } });
    expect(await read({ offset: 0 })).toMatchObject({
      pieces: [
        [0, "ab"],
        [1_000, "yz"],
      ],
    });
  });

  it("without headers begins where it was asked to; a refusal is a value", async () => {
    answer = () => new Response("x");
    expect(await read({ offset: 7 })).toMatchObject({ start: 7, bytes: 7, complete: false, pieces: [[7, "x"]] });
    answer = () => Response.json({ code: "log_not_found", detail: "none" }, { status: 404 });
    expect(await read({ offset: 7 })).toMatchObject({ code: "log_not_found", detail: "none" });
  });
});
