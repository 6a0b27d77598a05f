import { describe, expect, it } from "vitest";
import { maestroError } from "@maestro/shared/errors";
import { Notices } from "./notices.ts";

const error = maestroError("host_unreachable", "laptop is offline.");
const titles = (notices: Notices): string[] => notices.all().map(({ title }) => title);

describe("notices", () => {
  it("stay until they are dismissed, each by itself", () => {
    const notices = new Notices();
    notices.tell("The session could not be opened", error);
    notices.tell("It could not be run again", error);
    const [first] = notices.all();
    notices.dismiss(first?.serial ?? 0);
    expect(titles(notices)).toEqual(["It could not be run again"]);
  });

  it("are three at most: the newest", () => {
    const notices = new Notices();
    for (const title of ["1", "2", "3", "4"]) notices.tell(title, error);
    expect(titles(notices)).toEqual(["2", "3", "4"]);
  });

  it("tell who shows them", () => {
    const notices = new Notices();
    let told = 0;
    const stop = notices.subscribe(() => (told += 1));
    notices.tell("1", error);
    stop();
    notices.tell("2", error);
    expect(told).toBe(1);
  });
});
