# Super-packets: TCP against the kernel's count of segments, UDP against the number sent.

offload on
segments() { awk '/^Tcp:/ && !head {split($0, name); head = 1; next}
    /^Tcp:/ {for (at = 1; at <= NF; at++) if (name[at] ~ /^(In|Out|Retrans)Segs$/) sum += $at}
    END {print sum}' /proc/net/snmp; }

for interface in $cards veth vlan7 bridge; do
    case $interface in virtio) n=1 ;; e1000e) n=2 ;; vmxnet3) n=3 ;; veth) n=4 ;; vlan7) n=7 ;; bridge) n=9 ;; esac
    configure 20 0 "$interface"
    start as_root
    report
    tcp=$(segments) saw=$(counted "$interface" "packets seen")
    : >/tmp/sink
    peer timeout 300 flowmote-lab sink "10.0.$n.2:7000" >/tmp/sink &
    sink=$!
    until_true 10 grep -q listening /tmp/sink
    timeout 300 flowmote-lab source "10.0.$n.2:7000" 2000000
    kill $sink 2>/dev/null
    wait $sink
    sleep 0.5
    settled "$interface"
    tcp=$(($(segments) - tcp)) saw=$(($(counted "$interface" "packets seen") - saw))
    # Besides there are a few packets of ARP and IPv6.
    check "tcp.$interface" "TCP counted $tcp segments, the agent $saw packets" eval \
        "[ $tcp -gt 1300 ] && within $saw $tcp 20"
    stop
done

# All samples so far are at the collector, whose lines of them begin with FLOW.
all_arrived() { [ "$(grep -c '^FLOW' /tmp/samples)" -ge "$(counted veth samples)" ]; }

# First the ring is filled with packets that cannot be mistaken for those of the super-packets, so that
# a slot which the kernel has not written shows one of them.
peer flowmote-analyzer listen 10.0.4.2:9 --for 3000 >/dev/null 2>&1 &
configure 4 0 veth
collect csv
start as_root
flowmote-lab flood 10.0.4.2:9 50000 101
settled veth
until_true 20 all_arrived
before=$(counted veth "packets seen") dropped=$(counted veth drops) unreadable=$(counted veth unreadable)
old=$(grep -c ',143,' /tmp/samples)
# 300 super-packets, cut by the kernel into 11 datagrams of at most 1000 bytes each.
flowmote-lab flood 10.0.4.2:9 300 10500 1000
settled veth
seen=$(($(counted veth "packets seen") - before))
dropped=$(($(counted veth drops) - dropped)) unreadable=$(($(counted veth unreadable) - unreadable))
stop
collected
old=$(($(grep -c ',143,' /tmp/samples) - old))
check udp.pool "3300 datagrams sent, $seen in the pool" within "$seen" 3300 20
check udp.accounted "$(counted veth "in the ring") chosen packets are neither samples nor drops" \
    [ "$(counted veth "in the ring")" = 0 ]
check udp.readable "$unreadable unreadable" [ "$unreadable" = 0 ]
check udp.samples "$dropped drops of about 825" [ "$dropped" -lt 80 ]
check udp.no-old-packets "$old samples show packets from before" [ "$old" = 0 ]
