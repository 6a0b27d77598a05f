/** What looks at files on the other machine, as text for POSIX sh: one execution, GNU, BSD and busybox alike. */
import { MAX_LISTED_FILES } from "@maestro/shared/limits";

/**
 * `$1` list|stat|read, `$2` an absolute path, `$3` a word that no file is named after, `$4` where Maestro's own things are,
 * `$5` offset, `$6` bytes.
 * Answers `<word> refused <code> <detail>`, or `<word> ok <path> <more>` and then records: of entries
 * `\\n<word> <mode, hex> <size> <time> <name>`, of links also `\\n<word>L <f|d|o|n> <name>` and `\\n<word>T <target>`, and behind the last one
 * `\\n<word>E`: what ends without was cut; or `\\n<word>B` and bytes.
 */
export const FILES_SCRIPT = `set -u
op=$1 path=$2 word=$3 base=$4 offset=$5 bytes=$6
LC_ALL=C
export LC_ALL
unset CDPATH
refuse() { printf '%s refused %s %s' "$word" "$1" "$2"; exit 0; }
if stat -c %f / >/dev/null 2>&1; then
  here() { stat -c "
$word %f %s %Y %n" -- "$@" 2>/dev/null; }
  size() { stat -L -c %s -- "$1"; }
else
  here() { stat -f "
$word %Xp %z %m %N" -- "$@" 2>/dev/null; }
  size() { stat -L -f %z -- "$1"; }
fi
leads() {
  [ -L "$1" ] || return 0
  to=o
  if [ -d "$1" ]; then to=d; elif [ -f "$1" ]; then to=f; elif [ ! -e "$1" ]; then to=n; fi
  printf '\\n%sL %s %s\\n%sT %s' "$word" "$to" "$1" "$word" "$(readlink -- "$1" 2>/dev/null || readlink "$1")"
}
own() {
  real=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 0
  ours=$(cd -P -- "$base" 2>/dev/null && pwd -P) || return 0
  case $real/ in "$ours"/*) refuse path_outside_roots "'$path' is where Maestro keeps its own files on that host." ;; esac
}
if [ "$op" != stat ] || [ ! -L "$path" ]; then
  if [ ! -e "$path" ]; then
    up=$path
    while [ ! -e "$up" ] && [ "$up" != / ]; do up=$(dirname -- "$up"); done
    [ -d "$up" ] || refuse not_a_directory "'$up' is no directory."
    [ -x "$up" ] || refuse file_forbidden "'$up' may not be entered by $(id -un)."
    refuse file_not_found "'$path' does not exist on that host."
  fi
fi
case $op in
list)
  [ -d "$path" ] || refuse not_a_directory "'$path' is no directory."
  own "$path"
  [ -r "$path" ] && cd -P -- "$path" 2>/dev/null || refuse file_forbidden "'$path' may not be read by $(id -un)."
  n=0 more=-
  shift $#
  for one in .* *; do
    case $one in . | ..) continue ;; esac
    [ -e "$one" ] || [ -L "$one" ] || continue
    n=$((n + 1))
    if [ "$n" -gt ${MAX_LISTED_FILES} ]; then more=more; break; fi
    set -- "$@" "./$one"
  done
  printf '%s ok %s %s' "$word" "$more" "$(pwd -P)"
  [ $# -eq 0 ] || here "$@"
  for one; do leads "$one"; done
  printf '\\n%sE' "$word"
  ;;
stat)
  own "$(dirname -- "$path")"
  [ -L "$path" ] || [ ! -d "$path" ] || own "$path"
  printf '%s ok - %s' "$word" "$path"
  here "$path"
  leads "$path"
  printf '\\n%sE' "$word"
  ;;
read)
  [ -f "$path" ] || { [ ! -d "$path" ] || refuse not_a_file "'$path' is a directory."; refuse not_a_file "'$path' is no regular file."; }
  # Where a link leads counts; a readlink of long ago cannot tell.
  target=$(readlink -f -- "$path" 2>/dev/null) || target=
  [ -n "$target" ] || [ ! -L "$path" ] || refuse file_forbidden "Where '$path' leads cannot be told on that host."
  target=\${target:-$path}
  own "$(dirname -- "$target")"
  [ -r "$target" ] || refuse file_forbidden "'$path' may not be read by $(id -un)."
  printf '%s ok %s %s\\n%sB' "$word" "$(size "$target")" "$target" "$word"
  tail -c "+$((offset + 1))" -- "$target" 2>/dev/null | head -c "$bytes"
  ;;
esac
`;
