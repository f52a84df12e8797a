# type-into.zsh FOLDER LINE...: types each line and a tab into a zsh of its own, which finds its completions in the
# folder, and prints what the line has become. What the terminal echoes must not pass for that, so the marks are put
# together by that shell.
zmodload zsh/zpty
zpty shell 'TERM=dumb zsh -f -i'
expect() { zpty -r shell REPLY "*$1*" || exit 1 }
send() { zpty -w -n shell "$1" }
send "PS1=; bindkey -e; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; print ready-\$((40 + 2))"$'\n'
expect ready-42
shift
for line; do
  send "$line"$'\t\x01print -r -- be\'\'came:\'\x05\'\n'
  expect $'became:*\n'
  print -r -- "${${REPLY##*became:}%%$'\r'*}"
done
