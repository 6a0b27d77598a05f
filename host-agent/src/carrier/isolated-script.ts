/**
 * What makes and removes containers for workspaces, as POSIX sh on the machine where those are, by docker or, where that is not
 * there, podman. Nothing secret comes here: what runs inside gets its orders over `exec -i`.
 *
 *   ensure <base> <host> <name> <workspace> <digest> <image> <own|shared> <memory or -> <cpus or -> <pids> <used|free> <task|session>
 *       made or started, never under work: made | ready; else why not
 *   remove <base> <host> <name> idle|spent|all     and its network, `spent` and `all`: its home too; only `all` under work: removed | why not
 *   wipe <base> <host> <name> attempts|terminals <entry>   files of one in its home: removed
 *   list <base> <host>                             container <name>, home <name>, recent <name>: a line each
 *
 * Of a session no note is kept as of an attempt; beside a home, \`session\` says when one used it last, and it is recent for two weeks.
 *
 * Why not: none (no engine) · down <why> · image · foreign <what> · busy · holds · address <why> · failed <why>
 */
export const ISOLATED = `
set -u
umask 077
what=$1 base=$2 host=$3 name=\${4-}
[ "$base" != - ] || base=\${HOME:?}/.maestro-remote
[ "$what" != ensure ] || mkdir -p "$base" 2>/dev/null
[ ! -d "$base" ] || base=$(cd "$base" && pwd -P)
here=$base/isolated/$name
newline='
'
say() { echo "$*"; exit 0; }
# The last words of an engine, on one line.
words() { tail -n 3 | tr '\\n\\r' '  ' | cut -c1-600; }

engine=
for one in docker podman; do
  [ -n "$engine" ] || ! command -v "$one" >/dev/null 2>&1 || engine=$one
done

# Of a container or a network: absent | ours <digest> <running> | foreign; ends here where the engine does not answer.
look() {
  case $1 in
    container) format='{{index .Config.Labels "maestro.host"}} {{index .Config.Labels "maestro.type"}} {{.State.Running}}' ;;
    network) format='{{index .Labels "maestro.host"}} - -' ;;
  esac
  if told=$("$engine" "$1" inspect --format "$format" -- "$name" 2>/dev/null); then
    case $told in "$host "*) found="ours \${told#* }" ;; *) found=foreign ;; esac
    return
  fi
  why=$("$engine" "$1" inspect -- "$name" 2>&1 >/dev/null)
  case $why in *"o such "* | *"not found"* | *"unable to find"* | "") found=absent ;; *) say "down $(echo "$why" | words)" ;; esac
}

# True: something of ours works inside, or nobody can tell.
is_busy() {
  told=$("$engine" exec -- "$name" /bin/sh -c 'grep -lsE "MAESTRO_(ATTEMPT_ID|SESSION)=" /proc/[0-9]*/environ
    [ $? -gt 2 ] || echo looked' 2>/dev/null)
  [ "$told" != looked ]
}

# Whoever worked there may have taken the right to from some of them.
drop_home() {
  rm -rf "$here" 2>/dev/null || { chmod -R u+rwX "$here" && rm -rf "$here"; } 2>/dev/null
}

drop_container() { why=$("$engine" rm -f -- "$name" 2>&1 >/dev/null); }
drop_network() {
  look network
  case $found in ours*) "$engine" network rm -- "$name" >/dev/null 2>&1 ;; esac
}

# Files that are made inside belong to whoever we are here.
set_user() {
  user="--user=$(id -u):$(id -g)" mapping=
  case $("$engine" --version 2>/dev/null) in
    *odman*) [ "$(id -u)" -eq 0 ] || mapping=--userns=keep-id ;;
    *)
      case $("$engine" info --format '{{.SecurityOptions}}' 2>/dev/null) in
        *name=rootless*) user=--user=0:0 ;;
        *name=userns*) mapping=--userns=host ;;
      esac
      ;;
  esac
}

# Where a path holds what parts the fields of a mount, the field is quoted; not every podman reads that.
bind() {
  case $1$2 in
    *[,\\"]* | *"$newline"*) printf 'type=bind,"source=%s","target=%s"%s' "$(printf %s "$1" | sed 's/"/""/g')" "$(printf %s "$2" | sed 's/"/""/g')" "\${3-}" ;;
    *) printf 'type=bind,source=%s,target=%s%s' "$1" "$2" "\${3-}" ;;
  esac
}

say_used() {
  [ "$for" != session ] || : >"$here/session"
  say "$1"
}

ensure() {
  workspace=$5 digest=$6 image=$7 network=$8 memory=$9
  shift 9
  cpus=$1 pids=$2 use=$3 for=$4
  [ -n "$engine" ] || say none
  # What is kept beside workspaces is of other tasks too, and the host's keys are there.
  case "$base/" in "\${workspace%/}"/*) say holds ;; esac
  case $workspace in "$base"/workspaces/?*) ;; "$base"/*) say holds ;; esac
  look container
  case $found in
    foreign) say "foreign container" ;;
    "ours $digest true") say_used ready ;;
    "ours $digest "*) "$engine" start -- "$name" >/dev/null 2>&1 && say_used ready ;;
    "ours "*true) [ "$use" != used ] && ! is_busy || say busy ;;
  esac
  # Of another type, or it cannot be started any more.
  [ "$found" = absent ] || drop_container || say "failed $(echo "$why" | words)"
  "$engine" image inspect -- "$image" >/dev/null 2>&1 || say image
  # First, and by what is left of it the network is found again.
  mkdir -p "$here/home" "$base/cache" 2>/dev/null || say "failed $here cannot be made."
  set --
  if [ "$network" = own ]; then
    look network
    case $found in
      foreign) say "foreign network" ;;
      absent)
        why=$("$engine" network create --label "maestro.host=$host" --label "maestro.workspace=$workspace" -- "$name" 2>&1 >/dev/null) || {
          why=$(echo "$why" | words)
          case $why in *"address pool"* | *"subnetted"* | *"free subnet"*) say "address $why" ;; *) say "failed $why" ;; esac
        }
        ;;
    esac
    set -- "--network=$name"
  else
    drop_network
  fi
  [ "$memory" = - ] || set -- "$@" "--memory=$memory" "--memory-swap=$memory"
  [ "$cpus" = - ] || set -- "$@" "--cpus=$cpus"
  set_user
  # The first process takes in orphans, and ends only with the container; nothing inside can end it.
  why=$("$engine" run --detach --pull=never --name "$name" --hostname "$name" \\
    --label "maestro.host=$host" --label "maestro.workspace=$workspace" --label "maestro.type=$digest" \\
    "$user" $mapping --cap-drop=ALL --security-opt=no-new-privileges "--pids-limit=$pids" --stop-signal=KILL --log-driver=none \\
    --mount "$(bind "$workspace" "$workspace")" --mount "$(bind "$here/home" /maestro/home)" \\
    --mount "$(bind "$base/cache" /maestro/cache ,readonly)" \\
    --env HOME=/maestro/home --env MAESTRO_CACHE=/maestro/cache --workdir "$workspace" \\
    "$@" --entrypoint /bin/sh -- "$image" -c 'while :; do sleep 86400 & wait; done' 2>&1 >/dev/null) || {
    said=$(echo "$why" | words)
    look container
    case $found in ours*) drop_container ;; esac
    drop_network
    say "failed $said"
  }
  said=$(echo "$why" | words)
  look container
  [ "$found" = "ours $digest true" ] || say "failed It ended as soon as it was started."
  say_used "made $said"
}

remove() {
  [ -n "$engine" ] || say none
  look container
  case $found in
    foreign) say "foreign container" ;;
    "ours "*true) [ "$5" = all ] || ! is_busy || say busy ;;
  esac
  had=$found
  case $found in
    ours*) drop_container || say "failed $(echo "$why" | words)" ;;
  esac
  drop_network
  # From now on its home is what nobody uses.
  if [ "$5" != all ] && [ "$had" != absent ] && [ -e "$here/session" ]; then : >"$here/session"; say removed; fi
  [ "$5" = idle ] || drop_home || say "failed $here cannot be removed."
  say removed
}

list() {
  # Where none was ever made, no engine is asked.
  [ -d "$base/isolated" ] || exit 0
  for one in "$base"/isolated/maestro-*; do
    [ ! -d "$one" ] || echo "home \${one##*/}"
    [ ! -e "$one/session" ] || [ -z "$(find "$one/session" -mtime -14)" ] || echo "recent \${one##*/}"
  done
  [ -n "$engine" ] || exit 0
  "$engine" ps --all --filter "label=maestro.host=$host" --format 'container {{.Names}}' 2>/dev/null
  exit 0
}

case $what in
  ensure) ensure "$@" ;;
  remove) remove "$@" ;;
  # Never through a link: what is inside its home was made by whoever worked there.
  wipe) [ -L "$here/home/.maestro-remote" ] || [ -L "$here/home/.maestro-remote/$5" ] || rm -rf "$here/home/.maestro-remote/$5/$6"; say removed ;;
  list) list ;;
esac
`;
