# Counter records and what describes an interface, as the collector gets them.

# shellcheck disable=SC2086
configure 2 1 $sampled
collect json
start as_root
for number in 1 2 3 4 7 8 9; do
    ip -4 addr | grep -q "10.0.$number.1/" && ping -c 20 -i 0.01 -q "10.0.$number.2" >/dev/null
done
sleep 4
stop
collected
for interface in $sampled; do
    index=$(cat "/sys/class/net/$interface/ifindex")
    octets=$(records if_counters | grep "\"ifIndex\":$index,"| grep -o '"ifInOctets":[^,}]*' | tail -1 | cut -d: -f2)
    check "counters.$interface" "received octets at the collector: ${octets:-no record}" \
        eval "[ '${octets:-null}' != null ] && [ ${octets:-0} -gt 0 ]"
done
net=$(records host_net_io | tail -1)
check counters.host-net "$net" eval 'echo "$net" | grep -q "\"bytes_in\":[1-9]"'
lag=$(records lag_port_stats | tail -1)
check counters.lacp "$lag" eval 'echo "$lag" | grep -qi "003f003f"'
check counters.vlan "no sample names VLAN 7" \
    eval 'grep -q "\"record\":\"extended_switch\"[^}]*vlan\":7" /tmp/samples'
for type in 6 135 161 209; do
    check "counters.type-$type" "no interface of ifType $type" \
        eval 'records if_counters | grep -q "\"ifType\":$type[,}]"'
done
