/** A script for POSIX sh on its standard input, run once all of it has come: a line may be cut anywhere, and a part of a script is another one. */

const END = "#whole";

/** What is given to the shell; of a script that did not come whole nothing runs, and it ends with 1. */
export const RUN_WHOLE = `script=$(cat); case $script in *"${END}") eval "unset script
$script" ;; *) exit 1 ;; esac`;

/** Its standard input. */
export const wholeScript = (script: string): Uint8Array => Buffer.from(`${script}\n${END}`);
