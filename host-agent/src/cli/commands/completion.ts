/** `maestro completion`: shell code made from the command table, so it never lags behind. */
import { EXIT, fail } from "@maestro/shared/errors";
import { param } from "../args/spec.ts";
import { defineCommand, type Command } from "../command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completionCommand = (commands: () => readonly Command[]): Command =>
  defineCommand({
    group: "run",
    name: "completion",
    summary: "Print completion for bash, zsh or fish",
    flags: {},
    params: { shell: param.required("bash, zsh or fish") },
    examples: ['eval "$(maestro completion bash)"', "maestro completion fish > ~/.config/fish/completions/maestro.fish"],
    run({ out }, { params }) {
      const shell = SHELLS.find((known) => known === params.shell);
      if (shell === undefined)
        throw fail("usage", `'${params.shell.slice(0, 32)}' is not a shell that is known here.`, {
          field: "shell",
          hint: `One of ${SHELLS.join(", ")}.`,
        });
      const shown = commands().filter((command) => command.group !== "internal");
      out.raw(
        shell === "bash" ? bash(shown) : shell === "zsh" ? `autoload -U +X bashcompinit && bashcompinit\n${bash(shown)}` : fish(shown),
      );
      return Promise.resolve(EXIT.ok);
    },
  });

const flagsOf = ({ grammar }: Command): string[] => Object.keys(grammar.flags).map((name) => `--${name}`);

/** Words are names of ours: letters, digits and dashes. */
function bash(commands: readonly Command[]): string {
  const firsts = [...new Set([...commands.map(({ name }) => name.split(" ")[0] ?? ""), "help"])];
  const seconds = firsts
    .map((first) => [first, commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.split(" ")[1] ?? ""] : []))] as const)
    .filter(([, words]) => words.length > 0);
  return [
    "_maestro() {",
    '  local cur="${COMP_WORDS[COMP_CWORD]}" words=""',
    '  if [[ "$cur" == -* ]]; then',
    '    case "${COMP_WORDS[1]} ${COMP_WORDS[2]}" in',
    ...commands
      .filter(({ name }) => name.includes(" "))
      .map((command) => `      "${command.name}") words="${flagsOf(command).join(" ")}" ;;`),
    '      *) case "${COMP_WORDS[1]}" in',
    ...commands
      .filter(({ name }) => !name.includes(" "))
      .map((command) => `        ${command.name}) words="${flagsOf(command).join(" ")}" ;;`),
    "      esac ;;",
    "    esac",
    '  elif [[ $COMP_CWORD -eq 1 ]]; then words="' + firsts.join(" ") + '"',
    '  elif [[ $COMP_CWORD -eq 2 ]]; then case "${COMP_WORDS[1]}" in',
    ...seconds.map(([first, words]) => `    ${first}) words="${words.join(" ")}" ;;`),
    "    esac",
    "  fi",
    '  COMPREPLY=( $(compgen -W "$words" -- "$cur") )',
    "}",
    "complete -o default -F _maestro maestro",
    "",
  ].join("\n");
}

function fish(commands: readonly Command[]): string {
  const lines = ["complete -c maestro -f"];
  for (const command of commands) {
    const [first = "", second] = command.name.split(" ");
    const text = command.summary.replace(/'/g, "\\'");
    if (second === undefined) lines.push(`complete -c maestro -n __fish_use_subcommand -a ${first} -d '${text}'`);
    else
      lines.push(
        `complete -c maestro -n __fish_use_subcommand -a ${first}`,
        `complete -c maestro -n '__fish_seen_subcommand_from ${first}' -a ${second} -d '${text}'`,
      );
    const seen = command.name
      .split(" ")
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join("; and ");
    for (const [name, spec] of Object.entries(command.grammar.flags))
      lines.push(
        `complete -c maestro -n '${seen}' -l ${name}${spec.arity === "switch" ? "" : " -r"} -d '${spec.about.replace(/'/g, "\\'")}'`,
      );
  }
  return `${[...new Set(lines)].join("\n")}\n`;
}
