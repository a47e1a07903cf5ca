# What the checks have in common. `peer` runs a command on the other side of every cable.

pass() { echo "PASS $1"; }
skip() { echo "SKIP $1: $2"; }
# The end of the log of the agent says most about what went wrong.
fail() {
    echo "FAIL $1: $2"
    tail -n 6 /tmp/agent.log 2>/dev/null | cut -c1-300 | sed 's/^/|  /'
}
# check NAME REASON TEST...: by the status of the test.
check() {
    name=$1 reason=$2
    shift 2
    if "$@"; then pass "$name"; else fail "$name" "$reason"; fi
}
# eventually NAME REASON TEST...: as check, for what may take a while.
eventually() {
    name=$1 reason=$2
    shift 2
    if until_true 20 "$@"; then pass "$name"; else fail "$name" "$reason"; fi
}
now() {
    read -r uptime _ </proc/uptime
    echo "${uptime%.*}"
}
peer() { ip netns exec peer "$@"; }

# until_true SECONDS COMMAND...: an emulated machine on a busy host may take five times as long.
until_true() {
    # Local, because the command may wait itself.
    local deadline=$(($(now) + 5 * $1))
    shift
    while ! "$@"; do
        [ "$(now)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# Ways of starting, each for a background job, which they become.
as_root() { exec "$@"; }
# As systemd would by the unit: user, capabilities, locked memory, no new privileges.
as_unit() {
    given=$(unit AmbientCapabilities | tr 'A-Z' 'a-z' | sed 's/cap_/+/g; s/ /,/g')
    with_capabilities "$given" "$@"
}
without_bpf() { with_capabilities +net_raw "$@"; }
with_capabilities() {
    capabilities=$1
    shift
    exec prlimit --memlock="$(unit_locked_memory)" setpriv --reuid 990 --regid 990 --clear-groups \
        --no-new-privs --bounding-set "-all,$capabilities" --inh-caps "-all,$capabilities" \
        --ambient-caps "-all,$capabilities" "$@"
}
unit() { sed -n "s/^$1=//p" /lib/systemd/system/flowmote.service | tail -1; }
# Without a limit in the unit it is systemd's: 64 KiB from the kernel before Debian 12, 8 MiB after.
unit_locked_memory() {
    case $(unit LimitMEMLOCK) in
    infinity) echo unlimited ;;
    *M) echo $(($(unit LimitMEMLOCK | tr -d M) << 20)) ;;
    *K) echo $(($(unit LimitMEMLOCK | tr -d K) << 10)) ;;
    ?*) unit LimitMEMLOCK ;;
    '') case $(uname -r) in 5.*) echo 65536 ;; *) echo 8388608 ;; esac ;;
    esac
}

# configure SAMPLING POLLING INTERFACE...
configure() {
    {
        echo "sflow {"
        echo "  collector { ip = 127.0.0.1 }"
        echo "  sampling = $1"
        echo "  polling = $2"
        shift 2
        for interface in "$@"; do echo "  pcap { dev = $interface }"; done
        echo "}"
    } >/etc/flowmote.conf
}

configure_nflog() {
    echo 'sflow { collector { ip = 127.0.0.1 } polling = 0 nflog { group = 5 probability = 0.5 } }' \
        >/etc/flowmote.conf
}
# Every second ICMP packet that arrives on veth.
nflog_rule() {
    modprobe nfnetlink_log && modprobe nft_log && modprobe nft_numgen || return
    nft -f - <<'RULES'
table inet sampling {
    chain input {
        type filter hook input priority 0
        iifname veth ip protocol icmp numgen inc mod 2 == 0 log group 5 snaplen 128
    }
}
RULES
}

# start WAY: the agent with that configuration, until it has opened what there is.
start() {
    : >/tmp/agent.log
    "$1" flowmote run >>/tmp/agent.log 2>&1 &
    agent=$!
    until_true 20 grep -q 'running as' /tmp/agent.log
}
stop() {
    kill $agent
    wait $agent
}
# The counters as of now, at the end of the log.
report() {
    reports=$(grep -c 'statistics after' /tmp/agent.log)
    kill -USR1 $agent
    until_true 10 reported
    # All lines of the report.
    until_true 10 eval 'tail -n 20 /tmp/agent.log | grep -q "  agent: "'
}
reported() { [ "$(grep -c 'statistics after' /tmp/agent.log)" -gt "$reports" ]; }

# settled INTERFACE: until all chosen packets of the interface are samples or drops, or for 20 s.
settled() { until_true 4 ring_is_empty "$1"; }
ring_is_empty() {
    report
    [ "$(counted "$1" "samples in the ring")" = 0 ]
}
# counted INTERFACE WHAT: one number of the last report, in the words of its line: "packets seen",
# "samples", "drops", "unreadable", "samples in the ring". What is 0 may be left out there.
counted() {
    grep "  $1 .*packets seen" /tmp/agent.log | tail -1 | grep -o "[0-9]* \(of them \)\?$2" |
        cut -d' ' -f1 | grep . || echo 0
}
# method INTERFACE: the filter that samples it, once it is opened.
method() {
    until_true 10 grep -q "$1: sampling 1 in" /tmp/agent.log
    line=$(grep "$1: sampling 1 in" /tmp/agent.log | tail -1)
    case $line in
    *eBPF*) echo eBPF ;;
    *classic*) echo classic ;;
    *) echo none ;;
    esac
}

# collect FORMAT: the collector, all that it receives in /tmp/samples.
collect() {
    : >/tmp/samples
    flowmote-analyzer listen 127.0.0.1:6343 --format "$1" --output /tmp/samples 2>/tmp/collector.log &
    collector=$!
    until_true 10 grep -q 'listening on' /tmp/collector.log
}
# All that was sent to the collector is in /tmp/samples then.
collected() {
    until_true 20 nothing_queued
    kill -INT $collector
    wait $collector
}
# Port 6343 in hexadecimal; bytes in the send and the receive queue.
nothing_queued() { ! grep -i ':18C7 ' /proc/net/udp | grep -qv ' 00000000:00000000 '; }
# record NAME: the last counter record of that name in JSON, flat.
records() { grep -o "\"record\":\"$1\"[^}]*" /tmp/samples; }

# samples_of NAME: the samples of the host, service or container that is called so, one a line; of all for "".
samples_of() { sed 's/{"sample":/\n&/g' /tmp/samples | grep "\"hostname\":\"${1:-.*}\""; }

# within VALUE EXPECTED MORE: at least what was expected, and at most that many more.
within() { [ "$1" -ge "$2" ] && [ "$1" -le $(($2 + $3)) ]; }
