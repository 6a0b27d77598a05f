#!/bin/sh
# Carries one attempt: starts its child once, lets it write its log itself, waits, and leaves exit.json behind. It outlives
# the host-agent, and is the same program on every transport. POSIX sh only: dash, ash and bash run it.
#
#   sh runner.sh                    orders on standard input, secrets among them
#   sh runner.sh ahead sh           begun before there are any: it has its watcher already, and the child's half (of that shell,
#                                   `sh runner.sh child "$$ $began" "$watcher"`) waits for the orders. Those without a secret,
#                                   that is without `arg` and `env`, are to be found on descriptor 3 when the child has ended,
#                                   before whatever the runner said since on descriptor 2; and on 5 by the watcher, once the
#                                   child's half has sent it HUP, or 4 is closed.
#   sh runner.sh stop dir id grace  ends every process of that attempt, INT, TERM, KILL; 0: KILL at once. Answers empty | left <count>
#
# Orders, in this order:
#
#   opt <name> <value>     attempt, boot, timeout, stop_after (centiseconds), grace (seconds), log_limit, memory (bytes), pids,
#                          cpus (hundredths); group: a cgroup of its own that was made already, once for each; laid: `cgroups`
#                          tells those, and `why` and `agent.log` are there too
#   dir, cwd <path>        of the attempt, and of the child
#   arg <value>            the program, and what it is given
#   env <name>=<value>     all of the child's
#   go                     without it nothing is started: whoever gave the orders died in the middle
#
# With % behind (arg%) the rest of the line is escaped as `printf %b` reads it: of values of several lines.
#
# Order of what becomes visible: started (made once, by one runner only) · child · usage.json · exit.json. Beside them runner.pid,
# which says what `started` does, and agent.log, which may lie there before.

set -u
umask 077

newline='
'

# What a line of the orders says, in $value.
take() {
  value=${1#* }
  case ${1%% *} in
    *%)
      value=$(printf '%b.' "$value")
      value=${value%.}
      ;;
  esac
}

# Centiseconds since boot, suspended time included, in $now. It does not step with the calendar.
uptime_now() {
  if read -r now _ 2>/dev/null </proc/uptime; then now=${now%.*}${now#*.}; else now=$(($(date +%s) * 100)); fi
}

# When a process began, as the host-agent compares it, in $began.
began_at() {
  if read -r stat 2>/dev/null <"/proc/$1/stat"; then began_in "$stat"; else began=$(ps -o lstart= -p "$1"); fi
}
began_in() {
  set -- ${1##*) }
  began=${20}
}

# ---- cgroups: one of our own below where we are, in each hierarchy that lets us ------------------------------------

own_group() {
  while IFS=: read -r _ names path; do
    case ",$names," in *",$1,"*) own=$path && return 0 ;; esac
  done </proc/self/cgroup
  return 1
}

# Where one may be made, in $places: all are made by one `mkdir`, since a process costs more than everything else here.
add_place() {
  base=$1
  [ -d "$base$own" ] && base=$base${own%/}
  [ ! -w "$base/cgroup.procs" ] || set_place "$base/maestro-$attempt"
}

set_place() {
  places="$places$1
"
}

# A scope of systemd's that is ours alone: we step aside in it, so that it may pass its controllers on.
open_scope() {
  case $own in */maestro-*.scope) ;; *) return 0 ;; esac
  mkdir "$1$own/runner" 2>/dev/null && echo $$ >"$1$own/runner/cgroup.procs" && echo "+memory +pids +cpu" >"$1$own/cgroup.subtree_control"
}

set_limit() {
  [ -n "$2" ] && [ -w "$1" ] && echo "$2" >"$1"
}

make_groups() {
  groups= places=$given unified=
  [ -z "$given" ] || use_places
  [ -n "$groups" ] || find_places
  each_group limit_group
}

find_places() {
  places=
  [ -r /proc/self/cgroup ] || return 0
  while read -r _ mount type options _; do
    case $type,$options, in
      cgroup2,*) unified=$mount ;;
      cgroup,*,memory,*) own_group memory && add_place "$mount" ;;
      cgroup,*,pids,*) own_group pids && add_place "$mount" ;;
      cgroup,*,cpu,*) [ -n "$cpus" ] && own_group cpu && add_place "$mount" ;;
    esac
  done </proc/mounts
  # Beside the old hierarchies the unified one has no controllers, and would tell nothing that they do not.
  [ -n "$places" ] || [ -z "$unified" ] || { own_group "" && { open_scope "$unified"; add_place "$unified"; }; }
  [ -n "$places" ] || return 0
  IFS='
'
  mkdir $places 2>/dev/null
  use_places
}

use_places() {
  IFS='
'
  for place in $places; do [ ! -w "$place/cgroup.procs" ] || groups="$groups$place
"; done
  IFS=$fields
}

limit_group() {
  set_limit "$1/memory.limit_in_bytes" "$memory"
  set_limit "$1/memory.memsw.limit_in_bytes" "$memory"
  set_limit "$1/memory.max" "$memory"
  [ -z "$memory" ] || set_limit "$1/memory.swap.max" 0
  set_limit "$1/pids.max" "$pids"
  [ -z "$cpus" ] || set_limit "$1/cpu.max" "$((cpus * 1000)) 100000"
  [ -z "$cpus" ] || set_limit "$1/cpu.cfs_quota_us" "$((cpus * 1000))"
}

each_group() {
  set -f
  IFS=$newline
  for group in $groups; do
    IFS=$fields
    "$1" "$group"
  done
  IFS=$fields
  set +f
}

# A thread that moves itself waits for no other; any other move waits until all processors have been idle once, 20 ms and more.
enter_group() {
  if [ -w "$1/tasks" ]; then echo 0 >"$1/tasks"; else echo "$pid" >"$1/cgroup.procs"; fi
}
read_groups() {
  while read -r one; do groups=$groups$one$newline; done <"$dir/cgroups"
} 2>/dev/null
leave_groups() {
  IFS='
'
  [ -z "$groups" ] || rmdir $groups 2>/dev/null
  IFS=$fields
}
# What is inside begins nothing any more, and dies: of no use where the kernel lacks it.
close_group() {
  set_limit "$1/pids.max" 0
  set_limit "$1/cgroup.kill" 1
}

read_oom() {
  for counters in "$1/memory.events" "$1/memory.oom_control"; do
    [ -r "$counters" ] || continue
    while read -r name count; do [ "$name" != oom_kill ] || oom=$((oom + count)); done <"$counters"
  done
  for peak_file in "$1/memory.peak" "$1/memory.max_usage_in_bytes"; do
    [ -r "$peak_file" ] && read -r count <"$peak_file" && [ "$count" -gt "$peak" ] && peak=$count
  done
}

# What a container that was made for the workspace counted since it began, for all that ran in it; in $counted.
count_own_oom() {
  counted=
  case $dir in /maestro/home/*) counted=0 ;; *) return 0 ;; esac
  for counters in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$counters" ] || continue
    while read -r name count; do [ "$name" != oom_kill ] || counted=$count; done <"$counters"
  done
}

# ---- who belongs to the attempt ---------------------------------------------------------------------------------

group_members() {
  while read -r one; do add_member "$one"; done <"$1/cgroup.procs"
}

add_member() {
  case " $members " in *" $1 "*) ;; *) members="$members $1" ;; esac
}

# The session of the child, those who left it but carry the attempt's name in their environment, and the cgroups.
find_members() {
  members=
  each_group group_members
  [ -n "$groups" ] && return 0
  child=
  [ -z "$stranger" ] && [ -r "$dir/child" ] && read -r child _ <"$dir/child"
  for file in /proc/[0-9]*/stat; do
    read -r stat 2>/dev/null <"$file" || continue
    rest=${stat##*) }
    set -- $rest
    one=${file#/proc/}
    [ "$1" = Z ] || [ "$4" != "$child" ] || add_member "${one%/stat}"
  done
  for file in $(grep -ls "MAESTRO_ATTEMPT_ID=$attempt" /proc/[0-9]*/environ 2>/dev/null); do
    one=${file#/proc/}
    add_member "${one%/environ}"
  done
}

signal_members() {
  find_members
  for one in $members; do kill -s "$1" "$one" 2>/dev/null; done
  [ -n "$members" ]
}

nap() {
  sleep "$1" 2>/dev/null || sleep 1
}

# INT, TERM, KILL, so far apart; ends when none is left.
stop_members() {
  for name in INT TERM; do
    signal_members "$name" || return 0
    for one in $members; do kill -s CONT "$one" 2>/dev/null; done
    waited=0
    while [ "$waited" -lt "$((grace * 5))" ]; do
      nap 0.2
      find_members
      [ -n "$members" ] || return 0
      waited=$((waited + 1))
    done
  done
  kill_members
}

# Held first, all of them: a shell whose command dies under it goes on to the next one, or says that it cannot.
kill_members() {
  rounds=0
  while signal_members STOP && [ "$rounds" -lt 50 ]; do
    [ "$rounds" -gt 0 ] || each_group close_group
    for one in $members; do kill -s KILL "$one" 2>/dev/null; done
    nap 0.02
    rounds=$((rounds + 1))
  done
}

# What the child left behind must not write to a log that is closed.
sweep() {
  find_members
  [ -n "$members" ] || return 0
  signal_members TERM
  for _ in 1 2 3; do
    nap 0.08
    find_members
    [ -n "$members" ] || return 0
  done
  kill_members
}

# ---- beside the child: samples, its time, its lease, its log -------------------------------------------------------

sample() {
  [ -n "$page_bytes" ] || page_bytes=$(getconf PAGESIZE 2>/dev/null || echo 4096)
  find_members
  ticks=0 pages=0
  for one in $members; do
    read -r stat 2>/dev/null <"/proc/$one/stat" || continue
    set -- ${stat##*) }
    ticks=$((ticks + ${12} + ${13} + ${14} + ${15}))
    pages=$((pages + ${22}))
  done
  bytes=$((pages * page_bytes))
  [ "$bytes" -le "$peak" ] || peak=$bytes
  echo "{\"uptimeCs\":$now,\"cpuMs\":$((ticks * 10)),\"memoryBytes\":$bytes,\"peakMemoryBytes\":$peak}" >"$dir/usage.tmp" &&
    mv -f "$dir/usage.tmp" "$dir/usage.json"
}

# Why it has to end, in $why; empty while it may go on.
judge() {
  why=
  [ -z "$timeout" ] || [ "$((now - began_cs))" -lt "$timeout" ] || why=timeout
  [ "$(($(wc -c <"$dir/agent.log")))" -le "$log_limit" ] || why=log_limit
  [ -n "$stop_after" ] || return 0
  [ -r "$dir/lease" ] && read -r seen <"$dir/lease" && case $seen in *[!0-9]* | "") ;; *) lease=$seen ;; esac
  [ "$((now - lease))" -lt "$stop_after" ] || why=fenced
}

# Whole seconds to the next thing that may be due.
until_due() {
  rest=500
  [ -z "$timeout" ] || [ "$((began_cs + timeout - now))" -ge "$rest" ] || rest=$((began_cs + timeout - now))
  [ -z "$stop_after" ] || [ "$((lease + stop_after - now))" -ge "$rest" ] || rest=$((lease + stop_after - now))
  [ "$rest" -gt 0 ] || rest=1
  rest=$(((rest + 99) / 100))
}

keep_watch() {
  napping=
  trap '[ -z "$napping" ] || kill "$napping" 2>/dev/null; exit 0' TERM
  page_bytes=
  lease=$began_cs
  while :; do
    uptime_now
    until_due
    sleep "$rest" &
    napping=$!
    wait "$napping"
    napping=
    uptime_now
    [ -n "$groups" ] || read_groups
    own_up
    # The runner was killed: its child has nobody to tell its end to. A child of another runner has.
    kill -0 $$ 2>/dev/null || { [ -z "$ours" ] || stop_members; exit 0; }
    sample 2>/dev/null
    judge 2>/dev/null
    [ -z "$why" ] || break
  done
  # Over what is there already, which is shorter: that takes no room.
  echo "$why" 1<>"$dir/why"
  stop_members
}

watch_ahead() {
  # Should 4 have been closed first, it would end a nap, and the first sample would come before there is anything to measure.
  trap '' HUP
  uptime_now
  began_cs=$now
  own_up
  keep_watch
}

# ---- the attempt ------------------------------------------------------------------------------------------------

# All at once: a shell reads line by line one byte at a time.
read_orders() {
  orders=$(cat)
}
# Without another process, where that can wait.
read_slowly() {
  orders=
  while IFS= read -r one; do orders=$orders$one$newline; done
  orders=${orders%"$newline"}
}

# Does `$1`, with the orders for the child: variables, each behind its `env`, then `go`, then the program. Of names that come
# from elsewhere none becomes a variable of ours; and what this shell starts beside the child has none of them in its environment.
obey() {
  case $orders in *"$newline"go) ;; *) exit 74 ;; esac
  doing=$1
  set -f
  IFS=$newline
  set -- $orders $2
  IFS=$fields
  set +f
  orders=
  while :; do
    case $1 in
      opt*)
        value=${1#opt * }
        case $1 in
          "opt attempt "*) attempt=$value ;;
          "opt boot "*) boot=$value ;;
          "opt timeout "*) timeout=$value ;;
          "opt stop_after "*) stop_after=$value ;;
          "opt grace "*) grace=$value ;;
          "opt log_limit "*) log_limit=$value ;;
          "opt memory "*) memory=$value ;;
          "opt pids "*) pids=$value ;;
          "opt cpus "*) cpus=$value ;;
          "opt laid "*) laid=$value ;;
          "opt group "*) given=$given$value$newline ;;
        esac
        ;;
      dir*) take "$1"; dir=$value ;;
      cwd*) take "$1"; cwd=$value ;;
      arg*) take "$1"; set -- "$@" "$value" ;;
      *) break ;;
    esac
    shift
  done
  "$doing" "$@"
}

# Once, by one runner only. The host-agent makes it a link to nowhere when none may any more.
claim() {
  set -C
  { echo "$runner $boot" >"$dir/started"; } 2>/dev/null || exit 75
  set +C
}
is_ours() {
  read -r holder 2>/dev/null <"$dir/started" && [ "$holder" = "$runner $boot" ]
}
own_up() {
  [ -n "$ours" ] || ! is_ours || { ours=yes; echo "$runner $boot" >"$dir/runner.pid"; }
}

prepare() {
  make_groups 2>/dev/null
  [ "$laid$groups" = "yes$given" ] || {
    printf %s "$groups" >"$dir/cgroups"
    echo exit >"$dir/why"
    : >>"$dir/agent.log"
  }
  uptime_now
  began_cs=$now
}

carry() {
  claim
  own_up
  trap : HUP INT TERM QUIT
  prepare
  count_own_oom
  [ -z "$counted" ] || oom=-$counted
  keep_watch >/dev/null 2>&1 &
  watcher=$!
  # In the foreground: a background job of a shell could not be interrupted. The shell says on its standard error when a
  # signal ended it, which the status alone does not tell from `exit 137`.
  { (start_child "$@"); status=$?; } 2>"$dir/how"
  how=
  [ ! -s "$dir/how" ] || how=signal
  finish
}

# What takes longest is done before there are orders: two processes, and the session of one of them.
carry_ahead() {
  # Nothing is to wake it before it can be woken: it would die of that, and the child run unwatched. It has 4 to go by, too.
  trap '' HUP
  { trap : HUP; read -r one; exec </dev/null; read_slowly <&5; exec 5<&-; obey watch_ahead ""; } <&4 >/dev/null 2>&1 3<&- 4<&- &
  watcher=$!
  trap : HUP INT TERM QUIT
  exec 4<&- 5<&-
  (exec $setsid "$@" "$0" child "$runner" "$watcher" 2>/dev/null 3<&-)
  status=$?
  exec </dev/null
  read_slowly <&3
  how=${orders##*"$newline"go}
  orders=${orders%"$how"}
  obey finish_ahead ""
}

finish_ahead() {
  is_ours || exit "$status"
  read_groups
  uptime_now
  # Behind the child, where the child's half wrote it, if it came so far.
  { read -r _ && read -r began_cs; } 2>/dev/null <"$dir/child" || began_cs=$now
  finish
}

# One that has ended, and that nobody has waited for yet, has a pid still.
lives() {
  kill -0 "$1" 2>/dev/null && { [ -e "/proc/$1/exe" ] || [ ! -e /proc/self/exe ]; }
}
# Without the runner nobody would tell the end of what is begun here.
is_carried() {
  lives "${runner%% *}"
}

# Beside a runner that has begun before its orders came.
begin_child() {
  is_carried && lives "$waking" || exit 74
  claim
  prepare
  start_child "$@"
}

finish() {
  uptime_now
  kill "$watcher" 2>/dev/null
  why=exit
  [ -s "$dir/why" ] && read -r why <"$dir/why"
  sweep 2>/dev/null
  each_group read_oom
  count_own_oom
  oom=$((oom + ${counted:-0}))
  leave_groups
  times >"$dir/times" 2>/dev/null
  cpu=
  [ -r "$dir/times" ] && { read -r _ && read -r cpu; } <"$dir/times"
  # They are of no use to anybody any more, whoever is there to remove them.
  [ ! -d "$dir/images" ] || rm -rf "$dir/images" 2>/dev/null || { chmod -R u+rwX "$dir/images" && rm -rf "$dir/images"; }
  signal=0
  [ "$status" -le 128 ] || [ -z "$how" ] || signal=$((status - 128))
  leave "{\"status\":$status,\"signal\":$signal,\"why\":\"$why\",\"oom\":$oom,\"cpu\":\"$cpu\",\"peakMemoryBytes\":$peak,\"wallMs\":$(((now - began_cs) * 10))}"
}

# A shell that was forked has the name of the one it was forked from.
find_self() {
  if read -r stat 2>/dev/null </proc/self/stat; then
    pid=${stat%% *}
    began_in "$stat"
  else
    pid=$(exec sh -c 'echo $PPID')
    began_at "$pid"
  fi
}

start_child() {
  trap - HUP INT TERM QUIT
  [ -n "$pid" ] || find_self
  each_group enter_group 2>/dev/null
  { echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
  echo "$pid $began$newline$began_cs" >"$dir/child"
  # Whoever ends what a runner that is gone has begun looks into these groups and for this name, and may have looked already.
  is_carried || exit 74
  # Whoever gave the orders is told; it may be gone meanwhile.
  trap '' PIPE
  { echo "$pid $began"; } 2>/dev/null
  trap - PIPE
  # From here on it is not for the host-agent that the child is watched: that may be stopped, or away.
  [ -z "$waking" ] || kill -s HUP "$waking" 2>/dev/null
  exec >>"$dir/agent.log" 2>&1
  input=/dev/null
  [ ! -r "$dir/stdin" ] || input=$dir/stdin
  unset LC_ALL
  cd "$cwd" || exit 126
  exec <"$input"
  # From here on a name may be one of ours: nothing is read but the arguments. One that the shell keeps to itself is not set,
  # and one that it reckons with takes what it can.
  set +u
  while [ "$1" != go ]; do
    case $1 in
      env%*)
        set -- "$(printf '%b.' "${1#* }")" "$@"
        command export "${1%.}"
        shift
        ;;
      *) command export "${1#* }" ;;
    esac
    shift
  done 2>/dev/null
  shift
  exec "$@"
}

# Into room that was reserved: a full disk must not keep an end from being told.
leave() {
  printf '%s\n' "$1" | dd of="$dir/exit.tmp" bs=4096 conv=notrunc,fsync 2>/dev/null || printf '%s\n' "$1" >"$dir/exit.tmp"
  mv -f "$dir/exit.tmp" "$dir/exit.json"
}

fields=$IFS
boot=unknown timeout= stop_after= grace=10 log_limit=1099511627776 memory= pids= cpus= given= laid=
attempt= dir= cwd=/
oom=0 peak=0 groups= watcher= waking= ours= pid= stranger=
setsid=
for one in /usr/bin/setsid /bin/setsid /usr/local/bin/setsid; do [ ! -x "$one" ] || setsid=$one; done

case ${1-} in
  child)
    runner=$2 waking=$3 by=
    # Such a shell (busybox) has programs of its own, which it prefers to those in the child's PATH.
    [ "$(command -v cat)" != cat ] || [ ! -x /usr/bin/nice ] || by=/usr/bin/nice$newline-n${newline}0
    pid=$$
    began_at $$
    read_orders
    exec </dev/null
    obey begin_child "$by"
    ;;
  stop)
    dir=$2 attempt=$3 grace=$4
    read_groups
    # Its pid, and with that its session, may be another one's by now.
    read -r one was 2>/dev/null <"$dir/child" && [ -e "/proc/$one/stat" ] && began_at "$one" && { [ "$began" = "$was" ] || stranger=yes; }
    if [ "$grace" -gt 0 ]; then stop_members; else kill_members; fi 2>/dev/null
    find_members 2>/dev/null
    set -- $members
    # A runner that lives does so itself.
    [ $# -gt 0 ] || leave_groups
    if [ $# -eq 0 ]; then echo empty; else echo "left $#"; fi
    ;;
  ahead)
    shift
    began_at $$
    runner="$$ $began"
    carry_ahead "$@"
    ;;
  *)
    began_at $$
    runner="$$ $began"
    read_orders
    exec </dev/null
    obey carry "$setsid"
    ;;
esac
exit 0
