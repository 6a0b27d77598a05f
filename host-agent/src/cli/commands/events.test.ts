/** [EV1] `maestro events --follow` against a server that tells it that more was missed than it is sent. */
import { expect, test } from "vitest";
import { FakeServer, refused, TOKEN, type Answer } from "../testing/fake-server.ts";
import { runCli } from "../testing/run-cli.ts";

const stream = (...parts: string[]): Answer => ({ status: 200, body: parts.join(""), type: "text/event-stream" });
const at = (seq: number): string => `retry: 1000\n: at ${seq}\n\n`;
const RESET = "event: reset\ndata: {}\n\n";
const event = (seq: number): string => {
  const json = JSON.stringify({
    id: `evt_${seq}`,
    seq,
    at: "2026-01-01T00:00:00.000Z",
    type: "host.updated",
    subject: "hst_1",
    summary: `n${seq}`,
  });
  return `id: evt_${seq}\nevent: host.updated\ndata: ${json}\n\n`;
};
const events = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, i) => event(from + i)).join("");

/** Answers in turn; what is asked after the last one is refused, which ends the command. */
async function followed(args: readonly string[], ...answers: Answer[]) {
  await using server = await FakeServer.open(() => answers.shift() ?? refused(403, "scope_missing"));
  const env = { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.001" };
  const run = await runCli(["events", "--follow", "--json", ...args], { env });
  return {
    asked: server.asked.map(({ query }) => `${query.get("follow")} ${query.get("since")}`),
    heard: run.stdout.split("\n").flatMap((line) => /"seq":\s*(\d+)/.exec(line)?.slice(1).map(Number) ?? []),
    stderr: run.stderr,
  };
}

test("what it missed is read in pages while the server holds it, and then it follows from there", async () => {
  const run = await followed(
    ["--since", "evt_1"],
    stream(at(1101), RESET, event(1102)),
    stream(at(1102), events(2, 1001)),
    stream(at(1110), events(1002, 1102)),
    stream(at(1111), event(1111)),
  );
  expect(run.asked).toEqual(["true evt_1", "false evt_1", "false evt_1001", "true 1110", "true evt_1111"]);
  expect(run.heard).toEqual([...Array.from({ length: 1101 }, (_, i) => i + 2), 1111]);
  expect(run.stderr).not.toContain("missed");
});

test("what the server holds no more is said to be missed, and it follows from where the server is", async () => {
  const run = await followed(["--since", "evt_1"], stream(at(50), RESET), stream(at(51), RESET), stream(at(52), event(52)));
  expect(run.asked).toEqual(["true evt_1", "false evt_1", "true 51", "true evt_52"]);
  expect(run.heard).toEqual([52]);
  expect(run.stderr).toContain("events were missed");
});

test("a quiet stream that ends goes on from where it began, so that nothing between two is missed", async () => {
  const run = await followed([], stream(at(7)), stream(at(8), event(8)));
  expect(run.asked).toEqual(["true null", "true 7", "true evt_8"]);
  expect(run.heard).toEqual([8]);
});

test("a stream that says nothing any more, and does not end, is begun anew", async () => {
  const run = await followed([], { ...stream(at(7), event(8)), held: true }, stream(at(9), event(9)));
  expect(run.asked).toEqual(["true null", "true evt_8", "true evt_9"]);
  expect(run.heard).toEqual([8, 9]);
});

test("a server that answers at once is asked again after a while, and each time in a row after a longer one", async () => {
  const asked: number[] = [];
  const answer = (): Answer => {
    asked.push(performance.now());
    return asked.length > 5 ? refused(403, "scope_missing") : asked.length === 5 ? stream(at(7), event(8)) : stream(at(7));
  };
  await using server = await FakeServer.open(answer);
  await runCli(["events", "--follow"], { env: { MAESTRO_URL: server.url, MAESTRO_TOKEN: TOKEN, MAESTRO_TIME_SCALE: "0.5" } });
  const gaps = asked.slice(1).map((ms, i) => ms - (asked[i] ?? 0));
  expect(gaps).toHaveLength(5);
  // Half of 200 ms, doubled each time, at least and at half the scale; what it heard of begins anew.
  for (const [i, least] of [100, 200, 400, 800].entries()) expect(gaps[i]).toBeGreaterThan(least - 10);
  expect(gaps[4]).toBeLessThan(400);
});

test("a server that is away for a moment while it follows is asked again", async () => {
  const run = await followed([], stream(at(7), event(8)), { status: 503, body: "{}", type: "application/json" }, stream(at(9), event(9)));
  expect(run.heard).toEqual([8, 9]);
});
