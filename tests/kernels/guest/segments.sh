# Super-packets of TCP against the kernel's count of segments.

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
