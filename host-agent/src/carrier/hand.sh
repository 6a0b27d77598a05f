# What a carrier does on a machine where nothing of Maestro is installed: one program, sent over the connection each time and
# never kept there. POSIX sh; dash, ash and bash run it.
#
#   facts                                  what the machine is, a line each: <name> <value>
#   programs <name> <version argument or -> <stamp or -> …  which are there, and what those say that are not as they were by their stamp:
#                                          found <name> <stamp> <path> · said <name> <text> · failed <name> <text>
#   start <runner> <attempt> <cwd> <link> <prompt bytes or -> <runner bytes>
#                                          standard input: the runner's program, the prompt, the runner's orders. Answered by one line:
#                                          child <pid> <start> | running | ended | incomplete | refused <why> <detail>
#   put <attempt> <file> <bytes> <sha256>  standard input: a file, below the directory of an attempt that has not begun: there | incomplete | refused …
#   ensure <directory>                     made if it is not there: made|there <its real path> | refused <why> <detail>
#   watch                                  standard input, a line each: follow <attempt> <offset> · drop <attempt> · seen.
#                                          Answered by lines, until standard input ends:
#                                          log <attempt> <offset> <bytes> (and behind it so many bytes) · child, usage, exit <attempt> <text> ·
#                                          died <attempt> runner_died|host_reboot · absent <attempt> · beat
#   stop <attempt> <id> <grace> <runner bytes>
#                                          every process of it, INT, TERM, KILL: empty | left <count>. Standard input: the runner's program
#   agent <attempt> first|again            the ssh-agent that this session sees: a link to it, for the attempt, until standard input ends:
#                                          shown | none | absent | failed <detail>
#   remove <attempt>                       its directory: removed | kept
#   clear <directory>                      a workspace that was made below the base: removed | absent | kept <why>
#
# <attempt> names a directory below the base and holds the attempt's id; `started` in it is made once, by its runner, or by `watch` to say that
# no runner may any more: what is absent never runs.

set -u
# A shell may have been told others by its environment.
set +efvxC
umask 077
# Some shells' own takes backslashes for more than they are.
echo() {
  printf '%s\n' "$*"
}
# A container may have nobody whose home there is.
HOME=${HOME:-/tmp}
base=${HOME%/}/.maestro-remote
attempts=$base/attempts
dir=

uptime_now() {
  if read -r now _ 2>/dev/null </proc/uptime; then now=${now%.*}${now#*.}; else now=$(($(date +%s) * 100)); fi
}

boot_id() {
  boot=unknown
  read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id && return
  for name in kern.bootsessionuuid kern.boottime; do
    boot=$(sysctl -n "$name" 2>/dev/null | tr -dc 0-9A-F-)
    [ -z "$boot" ] || return 0
  done
  boot=unknown
}

nap() {
  sleep "$1" 2>/dev/null || sleep 1
}

# True: no runner has begun it, and none can any more. A disk that is full keeps none from making an empty file, or there is none at all.
never_begins() {
  mkdir -p "$dir" 2>/dev/null
  if (set -C; : >"$dir/started") 2>/dev/null; then
    { echo void >"$dir/started"; } 2>/dev/null
    return 0
  fi
  holder=
  read -r holder 2>/dev/null <"$dir/started"
  [ "$holder" = void ] || [ ! -e "$dir/started" ]
}

refuse() {
  # Another call of the same start may have come further, or be on its way.
  [ -z "$dir" ] || never_begins || set -- begun
  [ "$1" != begun ] || { if [ -s "$dir/exit.json" ]; then echo ended; else echo running; fi; exit 0; }
  echo "refused $*"
  exit 0
}

# Writing to $1 failed: the disk is full, or it may not be written to. $2, where given, is the unfinished file: it is
# removed, but only once the room has been measured, since it took some of it.
refuse_write() {
  free=$(df -Pk "$base" 2>/dev/null | while read -r _ _ _ free _; do echo "$free"; done | tail -n 1)
  [ $# -eq 1 ] || rm -f "$2"
  case $free in
    "" | *[!0-9]*) ;;
    *) [ "$free" -ge 64 ] || refuse disk_full "No space left in $base." ;;
  esac
  refuse state_unwritable "Nothing can be written to $1."
}

# Exactly so many bytes of standard input, and not one more.
take_bytes() {
  whole=0
  ! dd if=/dev/null of=/dev/null iflag=fullblock 2>/dev/null || whole=$(($1 / 4096))
  [ "$whole" -eq 0 ] || dd bs=4096 count="$whole" iflag=fullblock 2>/dev/null || return 1
  rest=$(($1 - whole * 4096))
  [ "$rest" -eq 0 ] || dd bs=1 count="$rest" 2>/dev/null
}

# ---- facts --------------------------------------------------------------------------------------------------------

facts() {
  boot_id
  uptime_now
  echo "home $HOME"
  echo "user $(id -un 2>/dev/null)"
  echo "shell ${SHELL:-/bin/sh}"
  echo "path $PATH"
  echo "lang ${LANG:-}"
  echo "boot $boot"
  echo "base $base"
  echo "hostname $(uname -n)"
  echo "os $(uname -s)"
  echo "arch $(uname -m)"
  echo "release $(uname -r)"
  echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null)"
  while read -r name kilobytes _; do [ "$name" != MemTotal: ] || echo "memory_kb $kilobytes"; done 2>/dev/null </proc/meminfo
  df -Pk "$HOME" 2>/dev/null | while read -r _ _ _ free _; do echo "free_kb $free"; done | tail -n 1
  ! command -v tmux >/dev/null 2>&1 || echo "tmux $(tmux -V 2>/dev/null)"
  for program in tmux git docker podman; do ! command -v "$program" >/dev/null 2>&1 || echo "has $program"; done
}

# A program, in $file, also where the shell has one of that name built in.
locate() {
  file=$(command -v "$1" 2>/dev/null)
  case $file in
    "" | /*) return ;;
  esac
  rest=$PATH:
  while [ -n "$rest" ]; do
    file=${rest%%:*}/$1
    rest=${rest#*:}
    [ ! -f "$file" ] || [ ! -x "$file" ] || return 0
  done
  file=
}

# An agent CLI may take its time to say which one it is.
programs() {
  limit=
  ! command -v timeout >/dev/null 2>&1 || limit="timeout -s KILL 10"
  while [ $# -ge 3 ]; do
    locate "$1"
    case $file in
      /*)
        stamp=$(ls -liL "$file" 2>/dev/null | cksum | tr ' ' .)
        echo "found $1 $stamp $file"
        # To start an agent CLI takes a second and more of that machine: one that is as it was is not asked again.
        if [ "$2" != - ] && [ "$3" != "$stamp" ]; then
          if text=$($limit "$file" "$2" </dev/null 2>&1); then word=said; else word=failed; fi
          echo "$word $1 $(printf %s "$text" | head -n 3 | tr '\n\r' '  ' | cut -c1-300)"
        fi
        ;;
    esac
    shift 3
  done
}

# ---- put ----------------------------------------------------------------------------------------------------------

# Some machines have neither: there the size has to do.
sum_of() {
  { sha256sum <"$1" || shasum -a 256 <"$1"; } 2>/dev/null
}

# $dir is not set here, so that refuse always says refused: the caller may send the file again once there is room, and
# the attempt may begin then.
put() {
  file=$attempts/$1/$2
  mkdir -p "${file%/*}" 2>/dev/null || refuse_write "$attempts/$1"
  cat 2>/dev/null >"$file.part" || refuse_write "$attempts/$1" "$file.part"
  sum=$(sum_of "$file.part")
  [ -n "$sum" ] || sum=$4
  [ "$(($(wc -c <"$file.part")))" -eq "$3" ] && [ "${sum%% *}" = "$4" ] || { rm -f "$file.part"; echo incomplete; return; }
  mv -f "$file.part" "$file" || refuse_write "$attempts/$1" "$file.part"
  echo there
}

# ---- start --------------------------------------------------------------------------------------------------------

# The line was cut before all of it came: that is no refusal, and it is asked once more.
give_up() {
  echo incomplete
  exit 0
}
# Not all of a part is there, for want of more that came or of room for it.
refuse_part() {
  [ "$(($(dd bs=1 count=1 2>/dev/null | wc -c)))" -ne 0 ] || { rm -f "$2"; give_up; }
  refuse_write "$1" "$2"
}

install_runner() {
  mkdir -p "$base/runner" "$attempts" 2>/dev/null || refuse_write "$base"
  take_bytes "$2" >"$base/runner/$$.tmp" || refuse_write "$base/runner" "$base/runner/$$.tmp"
  [ "$(($(wc -c <"$base/runner/$$.tmp")))" -eq "$2" ] || refuse_part "$base/runner" "$base/runner/$$.tmp"
  # By rename: another start may be reading the one that is there.
  mv -f "$base/runner/$$.tmp" "$1" || refuse_write "$base/runner" "$base/runner/$$.tmp"
}

start() {
  runner=$base/runner/$1.sh dir=$attempts/$2 cwd=$3 link=$4 prompt=$5
  # What has begun needs nothing more, no room either.
  [ ! -e "$dir/started" ] || refuse spawn_failed "It was refused before."
  install_runner "$runner" "$6"
  mkdir -p "$dir" 2>/dev/null || refuse_write "$dir"
  # Room for exit.json, taken while there is some.
  [ -s "$dir/exit.tmp" ] || { printf '%2047s\n' ' ' >"$dir/exit.tmp"; } 2>/dev/null || refuse_write "$dir"
  if [ "$prompt" != - ]; then
    # By rename: the child of another call of this may be reading it.
    take_bytes "$prompt" >"$dir/stdin.$$" 2>/dev/null && [ "$(($(wc -c <"$dir/stdin.$$")))" -eq "$prompt" ] &&
      mv -f "$dir/stdin.$$" "$dir/stdin" || refuse_part "$dir" "$dir/stdin.$$"
  fi
  [ -d "$cwd" ] || mkdir -p "$cwd" 2>/dev/null || refuse workspace_error "The directory '$cwd' cannot be made."
  [ -w "$cwd" ] && [ -x "$cwd" ] || refuse workspace_error "The directory '$cwd' cannot be worked in by $(id -un)."
  [ "$link" = - ] || [ -e "$link" ] && [ ! -L "$link" ] || ln -sf "$dir/agent.log" "$link" 2>/dev/null
  code=$dir/code.$$
  rm -f "$code"
  exec 3<&0
  detach=
  for one in /usr/bin/setsid /bin/setsid /usr/local/bin/setsid; do [ ! -x "$one" ] || detach=$one; done
  # A background job of a shell is deaf to these, and so would all be that it starts. Where `env` cannot undo that, TERM follows.
  heard=
  ! env --default-signal=INT true 2>/dev/null || heard='--default-signal=INT --default-signal=QUIT'
  # Of ours it keeps nothing: the connection may go, and must not wait for it.
  (
    trap '' HUP
    $detach env -i $heard PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C sh "$runner" <&3 >/dev/null 2>&1 3<&-
    echo "$?" >"$code"
  ) >/dev/null 2>&1 &
  exec 3<&- </dev/null
  waited=0
  while [ "$waited" -lt 200 ]; do
    ! read -r child 2>/dev/null <"$dir/child" || { echo "child $child"; exit 0; }
    [ ! -s "$code" ] || break
    nap 0.05
    waited=$((waited + 1))
  done
  read -r how 2>/dev/null <"$code" || how=none
  rm -f "$code"
  # Of its orders not all came; another call of this may have brought them.
  [ "$how" != 74 ] || [ -e "$dir/started" ] || give_up
  refuse spawn_failed "The runner could not be started ($how)."
}

ensure() {
  word=there
  [ -d "$1" ] || { mkdir -p "$1" 2>/dev/null && word=made; } || refuse workspace_error "The directory '$1' cannot be made."
  [ -w "$1" ] && [ -x "$1" ] || refuse workspace_error "The directory '$1' cannot be worked in by $(id -un)."
  echo "$word $(cd "$1" && pwd -P)"
}

# ---- watch --------------------------------------------------------------------------------------------------------

# In memory, where that can be: a disk that an attempt has filled must not keep its end from being told.
make_spot() {
  uptime_now
  for place in /dev/shm "$base" /tmp; do
    spot=$place/maestro-watch.$$.$now
    mkdir "$spot" 2>/dev/null || continue
    { echo room >"$spot/room"; } 2>/dev/null && return 0
    rm -rf "$spot"
  done
  return 1
}

# What nobody has asked for any more.
remove_old() {
  find "$attempts"/* -prune -type d -mtime +30 -exec rm -rf {} +
  find "$base/runner"/* "$base/agents"/* -prune ! -type d -mtime +30 -exec rm -f {} +
} >/dev/null 2>&1

# In `f.<attempt>` is what was asked for last, written here only; how far that has come, in `p.<attempt>`, is written by the other half only.
hear() {
  asked=0
  while read -r what name offset; do
    case $what in
      follow)
        asked=$((asked + 1))
        echo "$offset $asked" >"$spot/f.$name" || break
        ;;
      drop) rm -f "$spot"/*."$name" ;;
      seen)
        uptime_now
        for file in "$spot"/f.*; do
          name=${file##*/f.}
          [ ! -d "$attempts/$name" ] || { echo "$now" >"$attempts/$name/lease.tmp" && mv -f "$attempts/$name/lease.tmp" "$attempts/$name/lease"; }
        done
        ;;
    esac
  done 2>/dev/null
  # Whoever listened is gone; of one that was killed nothing stays.
  [ ! -d "$spot" ] || { kill -s TERM $$; nap 2; rm -rf "$spot"; } 2>/dev/null
}

# A file of one line, told when it is another than it was.
tell() {
  read -r text 2>/dev/null <"$dir/$2" || return 0
  told=
  read -r told 2>/dev/null <"$spot/$1.$name"
  [ "$text" != "$told" ] || return 0
  echo "$text" >"$spot/$1.$name" || exit 1
  echo "$1 $name $text"
}

forget() {
  rm -f "$spot"/*."$name"
}

tell_log() {
  : >"$spot/t.$name"
  size=$(wc -c <"$dir/agent.log")
  size=$((${size:-0}))
  while [ "$offset" -lt "$size" ]; do
    moved=yes
    bytes=$((262144 - offset % 4096))
    [ "$bytes" -le "$((size - offset))" ] || bytes=$((size - offset))
    echo "log $name $offset $bytes"
    # So many, even if it was cut short meanwhile; `dd`, since some `tail` reads all that comes before.
    {
      dd if="$dir/agent.log" bs=4096 skip="$((offset / 4096))" count=65 | tail -c "+$((offset % 4096 + 1))"
      head -c "$bytes" /dev/zero
    } | head -c "$bytes"
    offset=$((offset + bytes))
    echo "$offset $seq" >"$spot/p.$name" || exit 1
  done
} 2>/dev/null

# By what `started` says: pid, start (which may hold blanks) and boot.
is_running() {
  why=runner_died
  if [ -z "$holder" ]; then
    # About to be filled, or killed at that: ten seconds are longer than any machine takes.
    read -r torn 2>/dev/null <"$spot/torn.$name" || { echo "$now" >"$spot/torn.$name"; return 0; }
    [ "$((now - torn))" -lt 1000 ]
    return
  fi
  pid=${holder%% *} began=${holder#* }
  began=${began% *}
  [ "${holder##* }" = "$boot" ] || { why=host_reboot; return 1; }
  kill -0 "$pid" 2>/dev/null || return 1
  read -r stat 2>/dev/null <"/proc/$pid/stat" || return 0
  set -- ${stat##*) }
  [ "${20}" = "$began" ] && [ "$1" != Z ]
}

look() {
  dir=$attempts/$name holder=
  read -r first seq 2>/dev/null <"$file" || return 0
  { read -r offset which 2>/dev/null <"$spot/p.$name" && [ "$which" = "$seq" ]; } || offset=$first
  read -r holder 2>/dev/null <"$dir/started"
  # What was on its way here comes too late.
  if [ "$holder" = void ] || { [ ! -e "$dir/started" ] && never_begins; }; then
    rm -rf "$dir"/stdin* "$dir"/code* "$dir/exit.tmp" "$dir/images"
    echo "absent $name"
    forget
    return 0
  fi
  tell child child
  # Before the log: what is in it by then is all of it.
  over=
  [ ! -s "$dir/exit.json" ] || over=yes
  [ -n "$over" ] || [ "$((round % 20))" -ne 0 ] || is_running || { [ -s "$dir/exit.json" ] && over=yes || over=died; }
  if [ -n "$over" ] || [ "$((round % 20))" -eq 1 ] || [ ! -e "$spot/t.$name" ] || [ "$dir/agent.log" -nt "$spot/t.$name" ]; then tell_log; fi
  tell usage usage.json
  case $over in
    yes) if read -r text <"$dir/exit.json"; then echo "exit $name $text"; else echo "died $name runner_died"; fi 2>/dev/null; forget ;;
    died) echo "died $name $why"; forget ;;
  esac
}

watch() {
  mkdir -p "$attempts" 2>/dev/null
  make_spot || exit 1
  trap 'rm -rf "$spot"' EXIT
  trap 'exit 0' HUP INT TERM PIPE
  remove_old
  boot_id
  exec 3<&0
  # For good: a shell that only lends a function another standard output keeps the first one open.
  (exec <&3 3<&- >/dev/null 2>&1; hear) &
  exec 3<&- </dev/null
  round=0 idle=0 beaten=0
  while :; do
    uptime_now
    moved=
    for file in "$spot"/f.*; do
      name=${file##*/f.}
      [ "$name" = "*" ] || look
    done
    if [ -n "$moved" ]; then idle=0; else idle=$((idle + 1)); fi
    [ "$((now - beaten))" -lt 500 ] || { echo beat; beaten=$now; }
    round=$((round + 1))
    if [ "$idle" -lt 40 ]; then nap 0.05; else nap 0.25; fi
  done
}

# ---- agent --------------------------------------------------------------------------------------------------------

# Not in the attempt's directory: the name of a socket may have a hundred bytes, and the home has some of them.
show_agent() {
  link=$base/agents/${1##*-}
  [ -S "${SSH_AUTH_SOCK:-}" ] || { echo none; return; }
  # What was removed meanwhile is not begun again.
  [ "$2" = first ] || [ -d "$attempts/$1" ] || { echo absent; return; }
  mkdir -p "$base/agents" 2>/dev/null
  # By rename: its program may be about to ask.
  ln -s "$SSH_AUTH_SOCK" "$link.$$" 2>/dev/null && mv -f "$link.$$" "$link" 2>/dev/null || {
    rm -f "$link.$$"
    echo "failed no link can be made in $base/agents"
    return
  }
  echo shown
  cat >/dev/null
  [ "$(readlink "$link")" != "$SSH_AUTH_SOCK" ] || rm -f "$link"
}

# ---- stop, remove -------------------------------------------------------------------------------------------------

# Whichever runner began it, and even where nothing can be written.
stop() {
  program=$(take_bytes "$4")
  case $program in *"
exit 0") ;; *) refuse incomplete ;; esac
  set -- stop "$attempts/$1" "$2" "$3"
  eval "$program"
}

# Only below the base, and never through a link.
clear_workspace() {
  case $1 in
    *..*) echo "kept its path leads elsewhere" && return ;;
    "$base"/workspaces/?*) ;;
    *) echo "kept it was given, not made for the task" && return ;;
  esac
  [ -e "$1" ] || { echo absent && return; }
  [ ! -L "$1" ] && rm -rf "$1" 2>/dev/null && echo removed || echo "kept it cannot be removed"
}

case $1 in
  facts) facts ;;
  programs) shift; programs "$@" ;;
  start) shift; start "$@" ;;
  put) shift; put "$@" ;;
  ensure) ensure "$2" ;;
  watch) watch ;;
  stop) shift; stop "$@" ;;
  agent) show_agent "$2" "$3" ;;
  remove) case $2 in *[!a-z0-9_-]* | "") ;; *) rm -rf "$attempts/$2" 2>/dev/null && echo removed || echo kept ;; esac ;;
  clear) clear_workspace "$2" ;;
esac
