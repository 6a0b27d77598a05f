/** A repository that a task works on: cloned where it runs, before it begins. */
import * as z from "zod";

/** `https://host/path`, `ssh://…`, `git://…`, `file:///…`, `user@host:path`, or an absolute path of the host. */
const URL_PATTERN =
  /^(?:(?:https?|ssh|git):\/\/[^\s@/-][^\s]*|file:\/\/\/[^\s]+|(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^\s:][^\s]*|\/[^\0\n]*)$/;
/** Ours to check what is dangerous; git checks the rest. */
const BRANCH_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_./@+-]*$/;

export const Repository = z.strictObject({
  url: z
    .string()
    .max(1024)
    .regex(URL_PATTERN, "must be the address of a git repository (https://…, ssh://…, user@host:path, or an absolute path)")
    .refine((url) => !/^https?:\/\/[^/]*@/.test(url), "must hold no credential: forward GH_TOKEN, or an SSH agent"),
  /** Taken if it is there, else made; default: `maestro/<task>`. */
  branch: z.string().max(200).regex(BRANCH_PATTERN, "must be a branch's name").optional(),
});
export type Repository = z.infer<typeof Repository>;

/** What may be a password or a token in its address is `***`: of http all before the `@`, of others what follows the user's name, and all behind a `?` or `#`. */
export function shownRepository({ url, branch }: Repository): Repository {
  const shown = url.startsWith("/")
    ? url
    : url
        .replace(/^(https?:\/\/)[^/]*@/, "$1***@")
        .replace(/^((?:[a-z]+:\/\/)?[^/:@]+):[^/]*@/, "$1:***@")
        .replace(/^([a-z]+:\/\/[^?#]*[?#]).*$/, "$1***");
  return { url: shown, ...(branch === undefined ? {} : { branch }) };
}
