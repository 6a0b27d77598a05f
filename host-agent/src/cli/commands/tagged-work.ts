/** [DISP20] Work that says where it is to be done: lines of a to-do file, and issues, with a `target:<host>` tag. Pure. */
import * as z from "zod";
import { createHash } from "node:crypto";

export interface TaggedWork {
  /** Where it was found, for people. */
  place: string;
  /** Of the task: the same one each time, so that nothing is dispatched twice. */
  id: string;
  host: string;
  model: string | undefined;
  prompt: string;
  title: string;
}

/** An open box, whatever the list's mark; `[x]` is done. */
const OPEN_ITEM = /^\s*(?:[-*+]|\d+[.)])\s+\[ \]\s+(.+)$/;
const TAG = /(?:^|\s)(target|model):([A-Za-z0-9][A-Za-z0-9._/-]*)(?=\s|$)/g;
/** As plans number their lines: t12, t12.3. */
const OWN_ID = /^(t\d+(?:\.\d+)*)\b[:.]?\s*/i;
const MAX_TITLE = 80;

/** @param file names it in ids of lines that have none of their own. */
export function todoWork(file: string, text: string): TaggedWork[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const item = OPEN_ITEM.exec(line)?.[1];
    const tagged = item === undefined ? undefined : readTags(item);
    if (tagged?.host === undefined || tagged.rest === "") return [];
    const own = OWN_ID.exec(tagged.rest)?.[1]?.toLowerCase().replaceAll(".", "_");
    const id = own ?? `todo-${createHash("sha256").update(`${file}\n${tagged.rest}`).digest("hex").slice(0, 12)}`;
    return [workOf(`${file}:${index + 1}`, id, tagged.host, tagged.model, tagged.rest)];
  });
}

export const GitHubIssues = z.array(
  z.object({
    number: z.int(),
    title: z.string(),
    body: z.string().nullish(),
    url: z.string(),
    labels: z.array(z.object({ name: z.string() })),
  }),
);

/** @param repository as `owner/name`. */
export function issueWork(repository: string, issues: z.infer<typeof GitHubIssues>): TaggedWork[] {
  const slug = repository
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40);
  return issues.flatMap(({ number, title, body, url, labels }) => {
    const { host, model } = readTags(labels.map(({ name }) => name).join(" "));
    if (host === undefined) return [];
    const prompt = [`${title} (${url})`, body ?? ""].filter((part) => part.trim() !== "").join("\n\n");
    return [{ ...workOf(`#${number}`, `gh-${slug}-${number}`, host, model, prompt), title: title.slice(0, MAX_TITLE) }];
  });
}

function workOf(place: string, id: string, host: string, model: string | undefined, prompt: string): TaggedWork {
  return { place, id, host, model, prompt, title: prompt.slice(0, MAX_TITLE) };
}

function readTags(text: string): { host: string | undefined; model: string | undefined; rest: string } {
  const tags = new Map([...text.matchAll(TAG)].map(([, name = "", value = ""]) => [name, value] as const));
  return { host: tags.get("target"), model: tags.get("model"), rest: text.replaceAll(TAG, " ").replaceAll(/\s+/g, " ").trim() };
}
