import type { Options } from 'yargs';
import { optionsOf } from '../options/topics.ts';
import type { CommandEntry } from './command-entry.ts';
import type { Shell } from './shells.ts';

interface Word {
  /** Forms of the word, with their dashes. */
  forms: string[];
  describe: string;
  takesValue: boolean;
  choices: readonly string[];
}

/**
 * A script that teaches a shell to complete commands and options. It completes an option's value only where there is a
 * choice.
 */
export function completionScript(shell: Shell, commands: readonly CommandEntry[]): string {
  const shown = commands.filter(({ describe }) => describe !== false);
  if (shell === 'bash') return bash(shown);
  return shell === 'zsh' ? zsh(shown) : fish(shown);
}

function wordsOf({ topics, also }: CommandEntry): Word[] {
  const options: [string, Options][] = [
    ...Object.entries(optionsOf(topics, also)),
    ['help', { alias: 'h', type: 'boolean', describe: 'show help' }],
  ];
  return options.map(([name, { alias, type, choices, describe = '' }]) => ({
    forms: [...(typeof alias === 'string' ? [`-${alias}`] : []), `--${name}`],
    describe,
    takesValue: type !== 'boolean',
    choices: (choices ?? []).map(String),
  }));
}

/** The words that may stand in the place of a command's first argument. */
function argumentsOf({ positionals = {} }: CommandEntry): readonly string[] {
  return Object.values(positionals).flatMap(({ choices }) => (choices ?? []).map(String));
}

function bash(commands: readonly CommandEntry[]): string {
  const names = commands.map(({ name }) => name);
  const all = unique(commands.flatMap(wordsOf));
  const choosing = all
    .filter(({ choices }) => choices.length > 0)
    .map(
      ({ forms, choices }) =>
        `    ${forms.join('|')}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`,
    );
  const valued = all.filter(({ takesValue, choices }) => takesValue && choices.length === 0);
  const cases = commands.map(
    (command) =>
      `    ${command.name}) ` +
      `words='${[...wordsOf(command).flatMap(({ forms }) => forms), ...argumentsOf(command)].join(' ')}' ;;`,
  );
  return `# odo completion bash > /etc/bash_completion.d/odo
_odo() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=restore words word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${names.join('|')}) command=$word; break ;; esac
  done
  case $prev in
${choosing.join('\n')}
    ${valued.flatMap(({ forms }) => forms).join('|')}) return ;;
  esac
  case $command in
${cases.join('\n')}
  esac
  if [ "$COMP_CWORD" = 1 ]; then words="${names.join(' ')} $words"; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _odo odo`;
}

function zsh(commands: readonly CommandEntry[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const spec = ({ forms, describe, takesValue, choices }: Word) => {
    const what = `[${describe.replace(/[[\]\\:]/g, '\\$&')}]`;
    const value = choices.length > 0 ? `:value:(${choices.join(' ')})` : takesValue ? ':value:_files' : '';
    return forms.map((form) => quote(`*${form}${what}${value}`)).join(' ');
  };
  const cases = commands.map((command) => {
    const words = argumentsOf(command);
    const rest = quote(words.length > 0 ? `1:argument:(${words.join(' ')})` : '*:argument:_files');
    return `    (${command.name}) options=(${wordsOf(command).map(spec).join(' ')} ${rest}) ;;`;
  });
  const described = commands.map(({ name, describe }) => quote(`${name}:${String(describe).replaceAll(':', '\\:')}`));
  return `#compdef odo
# odo completion zsh > a directory of $fpath, as _odo
_odo() {
  local command=restore word at=1
  local -a options commands
  commands=(${described.join(' ')})
  for word in \${words[2,CURRENT-1]}; do
    at=$((at + 1))
    case $word in (${commands.map(({ name }) => name).join('|')})
      command=$word; words=(odo \${words[at+1,-1]}); CURRENT=$((CURRENT - at + 1)); break ;;
    esac
  done
  case $command in
${cases.join('\n')}
  esac
  if (( CURRENT == 2 && at == 1 )); then _describe command commands; fi
  _arguments $options
}
if [ "$funcstack[1]" = _odo ]; then _odo "$@"; else compdef _odo odo; fi`;
}

function fish(commands: readonly CommandEntry[]): string {
  const quote = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
  const named = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap((command) => {
    const isDefault = command.isDefault === true;
    const seen = `__fish_seen_subcommand_from ${command.name}`;
    const when = quote(isDefault ? `${seen}; or not __fish_seen_subcommand_from ${named}` : seen);
    const options = wordsOf(command).map(({ forms, describe, takesValue, choices }) => {
      const flags = forms.map((form) => (form.startsWith('--') ? `-l ${form.slice(2)}` : `-s ${form.slice(1)}`));
      const value = choices.length > 0 ? [`-x -a ${quote(choices.join(' '))}`] : takesValue ? ['-r'] : [];
      return ['complete -c odo -n', when, ...flags, ...value, `-d ${quote(describe)}`].join(' ');
    });
    const words = argumentsOf(command);
    return [
      `complete -c odo -n __fish_use_subcommand -a ${command.name} -d ${quote(String(command.describe))}`,
      ...(words.length > 0 ? [`complete -c odo -n ${when} -a ${quote(words.join(' '))}`] : []),
      ...options,
    ];
  });
  return ['# odo completion fish > ~/.config/fish/completions/odo.fish', ...lines].join('\n');
}

function unique(words: readonly Word[]): Word[] {
  return [...new Map(words.map((word) => [word.forms.join(), word])).values()];
}
