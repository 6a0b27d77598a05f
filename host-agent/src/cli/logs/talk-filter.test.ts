import { expect, test } from "vitest";
import { seededRandom } from "../../holder/testing/random.ts";
import { TalkFilter } from "./talk-filter.ts";

const SAID = JSON.stringify({
  type: "assistant",
  session_id: "s",
  uuid: "u",
  message: { content: [{ type: "text", text: "Grüße\nfrom it" }] },
});
const STAMP = "TRACE: [2026-01-01T00:00:00.000Z] step: ";

function filtered(text: string, cuts: readonly number[] = []): string {
  const filter = new TalkFilter();
  const bytes = Buffer.from(text);
  let out = "";
  let at = 0;
  for (const cut of [...cuts, bytes.byteLength]) {
    out += filter.write(bytes.subarray(at, cut)).toString("latin1");
    at = cut;
  }
  return Buffer.from(out + filter.end().toString("latin1"), "latin1").toString("utf8");
}

test("events become lines, stamped as they were; the rest stays byte for byte, whatever it looks like", () => {
  expect(filtered(`a\n${SAID}\nb\n`)).toBe("a\nGrüße\nfrom it\nb\n");
  expect(filtered(`${STAMP}${SAID}\n${STAMP}plain\n`)).toBe(`${STAMP}Grüße\n${STAMP}from it\n${STAMP}plain\n`);
  for (const text of ["", "{", "\n\n", '{"a":1}', `x ${SAID}\n`, `{"broken\n{}\r\n 10%\r 20%`, STAMP, `${STAMP}{"a`, "{\n"])
    expect(filtered(text)).toBe(text);
  expect(filtered(SAID)).toBe("Grüße\nfrom it\n");
});

test("wherever it is cut", () => {
  const text = `start{"\n${SAID}\nünter {"x"}\n{"n":1}\n${STAMP}${SAID}\n${STAMP}end {"\n{${SAID}\n${SAID}\n{"cut`;
  const whole = filtered(text);
  expect(whole.match(/Grüße/g)).toHaveLength(4);
  const { length } = Buffer.from(text);
  for (let cut = 1; cut < length; cut += 1) expect(filtered(text, [cut])).toBe(whole);
  const random = seededRandom(11);
  for (let round = 0; round < 300; round += 1)
    expect(
      filtered(
        text,
        Array.from({ length }, (_, at) => at).filter(() => random() < 0.1),
      ),
    ).toBe(whole);
});

test("what is no event is not held back, and a line without end not for ever", () => {
  const filter = new TalkFilter();
  expect(filter.write(Buffer.from("50%\r")).toString()).toBe("50%\r");
  expect(filter.write(Buffer.from('60%\n{"')).toString()).toBe("60%\n");
  expect(filter.write(Buffer.alloc(8 * 1024 * 1024, 97)).byteLength).toBe(8 * 1024 * 1024 + 2);
  expect(filter.write(Buffer.from("bc")).toString()).toBe("bc");
});
