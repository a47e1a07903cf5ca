# Packets that tc samples (psample { }), and packets that the kernel drops (dropmon { }).

for module in psample act_sample cls_matchall sch_ingress drop_monitor; do modprobe $module; done
index=$(cat /sys/class/net/veth/ifindex)
agent_with() { # BLOCK...
    echo "sflow { collector { ip = 127.0.0.1 } polling = 0 sampling = 1 $* }" >/etc/flowmote.conf
}
in_report() { # TEXT
    report
    grep -q "$1" /tmp/agent.log
}
# Numbers of a line in the last report.
number() { # LINE WHAT
    grep "  $1: " /tmp/agent.log | tail -1 | grep -o "[0-9]* $2" | cut -d' ' -f1
}
received() { grep -o "\"sample\":\"$1\".*" /tmp/samples; }
effective() { awk '$1 == "CapEff:" {print $2}' "/proc/$agent/status"; }
logged() { grep -q "$1" /tmp/agent.log; }
# Datagrams to a port without a socket.
unwanted() { peer flowmote-lab flood 10.0.4.1:9 "$1" 100; }

# psample
tc qdisc add dev veth clsact
tc filter add dev veth ingress protocol ip matchall action sample rate 1 group 5 trunc 64
tc filter add dev veth egress protocol ip matchall action sample rate 1 group 6
collect json
agent_with 'psample { group = 5 egress = on }'
# The unit with the addition of docs/operations.md.
with_net_admin() { with_capabilities +net_raw,+bpf,+net_admin "$@"; }
start with_net_admin
eventually drops.psample "not joined" logged 'psample: sampling group 5 (ingress) and 6 (egress)'
ping -c 40 -i 0.01 -q 10.0.4.2 >/dev/null
eventually drops.psample-samples "not every packet of both directions is a sample" \
    in_report 'psample group 5 (ingress) and 6 (egress): 80 samples, 0 drops'
# CAP_NET_RAW is bit 13, CAP_BPF bit 39: of the taps to come.
check drops.psample-capabilities "effective $(effective)" [ "$(effective)" = 0000008000002000 ]
# While the agent stands still, its queue overflows; the next sample shows how many were lost.
kill -STOP $agent
unwanted 20000
kill -CONT $agent
psample_adds_up() {
    peer flowmote-lab flood 10.0.4.1:9 10 100
    report
    # Besides there are ICMP errors, of which the host sends few.
    sum=$(($(number psample.* samples) + $(number psample.* drops)))
    [ "$(number psample.* drops)" -gt 0 ] && [ $sum -ge 20090 ]
}
eventually drops.psample-losses "samples and drops are fewer than packets" psample_adds_up
stop
collected
echo "$(received flow_sample)" | grep -o '"input":{"format":0,"value":[0-9]*,[^}]*},"output":{[^}]*}' |
    sort -u >/tmp/sides
check drops.psample-sides "$(tr '\n' ' ' </tmp/sides)" eval \
    'grep -q "\"value\":$index,.*\"port\":\"unknown\"" /tmp/sides &&
     grep -q "\"port\":\"internal\".*\"value\":$index," /tmp/sides && [ "$(wc -l </tmp/sides)" = 2 ]'
check drops.psample-length "no frame of 102 bytes with 64 of them" \
    grep -q '"frame_length":102,"stripped":4,"header":"[0-9a-f]\{128\}"' /tmp/samples

# A rate of the kernel that is finer than the configured one.
collect json
echo 'sflow { collector { ip = 127.0.0.1 } polling = 0 sampling = 10 psample { group = 5 } }' \
    >/etc/flowmote.conf
start as_root
eventually drops.psample-root "not joined" logged 'psample: sampling group 5 (ingress)'
unwanted 5000
thinned() {
    report
    within "$(number 'psample.*' samples)" 400 200
}
eventually drops.psample-thinning "$(number 'psample.*' samples) samples of 5000 packets, 1 in 10" thinned
stop
collected
check drops.psample-rate "no sample 1 in 10 with a pool of all packets" \
    grep -q '"sampling_rate":10,"sample_pool":[34][0-9][0-9][0-9],' /tmp/samples
tc qdisc del dev veth clsact

# Drop monitor
collect json
agent_with 'dropmon { start = on limit = 10000 }'
start as_root
eventually drops.dropmon "not started" logged 'dropmon: monitoring started'
# CAP_NET_ADMIN, bit 12, is to stop it.
check drops.dropmon-capabilities "effective $(effective)" [ "$(effective)" = 0000008000003000 ]
unwanted 50
eventually drops.dropmon-reports "$(tail -n 5 /tmp/agent.log)" eval \
    'report; [ "$(number dropmon "dropped packets")" -ge 50 ]'
kill -STOP $agent
unwanted 20000
kill -CONT $agent
all_drops_counted() {
    report
    sum=$(($(number dropmon "dropped packets") + $(number dropmon lost)))
    [ "$(number dropmon lost)" -gt 0 ] && within $sum 20050 100
}
eventually drops.dropmon-losses "dropped packets and losses are not all" all_drops_counted
stop
collected
case $(uname -r) in
5.*) code=289 text= ;;
*) code=3 text=NO_SOCKET ;;
esac
received discarded_packet | grep -o '"input_if_index":'"$index",'"output_if_index":0,"reason":'$code'.*' \
    >/tmp/drops
check drops.dropmon-reason "no drop on interface $index with reason $code" [ -s /tmp/drops ]
check drops.dropmon-length "no frame of 146 bytes" grep -q '"frame_length":146,"stripped":4' /tmp/drops
check drops.dropmon-function "no function without offset" \
    grep -q '"symbol":"[_a-z0-9]*udp[_a-z0-9]*"' /tmp/drops
[ -z "$text" ] || check drops.dropmon-name "no name of the reason" grep -q "\"reason\":\"$text\"" /tmp/drops
check drops.dropmon-time "no time" grep -q '"record":"extended_timestamp"' /tmp/drops

# It was stopped, so that a second agent need not force it; then a third must leave it alone.
agent_with 'dropmon { start = on force = off hide = NO_SOCKET|udp limit = 5 }'
start as_root
eventually drops.dropmon-stopped "still monitored" logged 'dropmon: monitoring started'
first=$agent
unwanted 100
eventually drops.dropmon-hide "$(tail -n 5 /tmp/agent.log)" eval \
    'report; grep -q "dropmon: .* 100 hidden" /tmp/agent.log'
start as_root
eventually drops.dropmon-no-force "forced" logged 'another program monitors drops already; left as it is'
stop
agent=$first
stop

# The limits.
agent_with 'dropmon { start = on limit = 5 max = 100 max_trip = 1 }'
start as_root
until_true 20 logged 'dropmon: monitoring started'
unwanted 5
# Nothing receives their reports.
eventually drops.dropmon-own "no drop of an own datagram is counted" in_report '[0-9] own datagrams to collectors'
trips() {
    unwanted 1000
    logged 'dropmon: more than 100 drops per second for 1 s: the monitoring is stopped for 60 s'
}
eventually drops.dropmon-breaker "does not trip" trips
check drops.dropmon-limit "no drop beyond the limit" in_report 'discarded packets beyond the rate limit'
stop

# The unit without the addition: an error that names the remedy, and everything else works.
agent_with 'dropmon { start = on }'
start as_unit
check drops.dropmon-unit "no remedy in the log" eval \
    "logged 'dropmon: not subscribed: CAP_SYS_ADMIN is missing' ||
     logged 'dropmon: the monitoring cannot be started: .*CAP_NET_ADMIN is missing'"
stop
