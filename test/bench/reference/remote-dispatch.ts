/**
 * What a remote-dispatch script does over ssh, step by step as DISP8 to DISP12 describe it, each step a connection of its own: is it
 * reachable, a work directory, which agent CLI is there, the two scripts, the start, and the log's first bytes.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ScriptedSsh } from "./scripted-ssh.ts";

const run = promisify(execFile);

/** Answers the first bytes of the log. */
export async function scriptedDispatch(sshd: ScriptedSsh, task: string): Promise<string> {
  const dir = `/tmp/maestro-bench-worker/${task}`;
  const ssh = async (script: string): Promise<string> => {
    const [program = "", ...args] = sshd.argv(["sh", "-c", `'${script}'`]);
    return (await run(program, args)).stdout;
  };
  await ssh("echo SSH_OK");
  await ssh(`mkdir -p ${dir} && chmod 700 ${dir}`);
  await ssh("command -v opencode || command -v claude || echo none");
  await ssh(`cat >${dir}/dispatch.sh <<"END"\necho WORKER_STARTED\necho hello\nEND\ncat >${dir}/wrapper.sh <<"END"\necho WRAPPER_STARTED\nsh ${dir}/dispatch.sh\necho EXIT:$?\nEND\nchmod +x ${dir}/*.sh`);
  await ssh(`nohup setsid sh ${dir}/wrapper.sh >${dir}/worker.log 2>&1 </dev/null & echo $!`);
  const log = await ssh(`until [ -s ${dir}/worker.log ]; do sleep 0.05; done; cat ${dir}/worker.log`);
  await ssh(`rm -rf ${dir}`);
  return log;
}
