/**
 * [SKILL35] `--trace`: each line of a child's standard output is stamped on its way into the log. The child stays in the
 * foreground of one sh, which ends as it ended; behind it a loop stamps what comes through the pipe. The line that says
 * the child is gone follows its last byte through the same pipe: nothing is lost, and a grandchild that keeps the pipe
 * open delays nothing. Signals of the attempt pass both shells by. Standard error goes to the log directly.
 */

/** No process per line: the time is that of /proc/uptime, from one `date`, as far as the system has both. */
const SCRIPT = String.raw`
trap : INT TERM HUP QUIT
nonce=$1
shift
{
  trap : INT TERM HUP QUIT
  "$@"
  printf '%s %s\n' "$nonce" "$?"
} | {
  trap '' INT TERM HUP QUIT
  clock() {
    now=$(date +%s%3N 2>/dev/null)
    case $now in
      *[!0-9]* | '' | ??????????) now=$(date +%s)000 ;;
    esac
  }
  uptime=
  if [ -r /proc/uptime ]; then uptime=1; fi
  up() { IFS=' .' read -r seconds hundredths _ </proc/uptime; up=$((seconds * 1000 + 1$hundredths * 10 - 1000)); }
  clock
  if [ -n "$uptime" ]; then up; base=$((now - up)); fi
  today=
  # The civil date of a count of days, as everywhere.
  civil() {
    z=$(($1 + 719468)); era=$((z / 146097)); doe=$((z - era * 146097))
    yoe=$(((doe - doe / 1460 + doe / 36524 - doe / 146096) / 365))
    doy=$((doe - (365 * yoe + yoe / 4 - yoe / 100))); mp=$(((5 * doy + 2) / 153))
    day=$((doy - (153 * mp + 2) / 5 + 1)); month=$((mp < 10 ? mp + 3 : mp - 9))
    year=$((yoe + era * 400 + (month <= 2))); today=$1
  }
  stamp() {
    if [ -n "$uptime" ]; then up; now=$((base + up)); else clock; fi
    second=$((now / 1000))
    if [ "$((second / 86400))" != "$today" ]; then civil $((second / 86400)); fi
    printf 'TRACE: [%04d-%02d-%02dT%02d:%02d:%02d.%03dZ] step: %s'"$2" "$year" "$month" "$day" \
      $((second % 86400 / 3600)) $((second % 3600 / 60)) $((second % 60)) $((now % 1000)) "$1"
  }
  status=137
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      *"$nonce "[0-9] | *"$nonce "[0-9][0-9] | *"$nonce "[0-9][0-9][0-9])
        status=$(($${"{"}line##*" "}))
        rest=$${"{"}line%"$nonce "*}
        if [ -n "$rest" ]; then stamp "$rest" ''; fi
        break ;;
    esac
    stamp "$line" '\n'
  done
  exit "$status"
}
`;

/** @param nonce a random word of the attempt, which its output does not contain. */
export const traced = (argv: readonly string[], nonce: string): string[] => ["/bin/sh", "-c", SCRIPT, "maestro-trace", nonce, ...argv];

const STAMP = /^TRACE: \[[^\]]{0,40}\] step: /;

/** Empty where there is none. */
export const stampOf = (line: string): string => STAMP.exec(line)?.[0] ?? "";

/** What the child wrote. */
export const withoutStamp = (line: string): string => line.replace(STAMP, "");
