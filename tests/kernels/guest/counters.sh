# Counter records and what describes an interface, as the collector gets them from the unit's user.

# shellcheck disable=SC2086
configure 2 1 $sampled
collect json
start as_unit
for number in 1 2 3 4 7 8 9; do
    ip -4 addr | grep -q "10.0.$number.1/" && ping -c 20 -i 0.01 -q "10.0.$number.2" >/dev/null
done
received() { # INTERFACE: octets in its last record
    index=$(cat "/sys/class/net/$1/ifindex")
    records if_counters | grep "\"ifIndex\":$index," | grep -o '"ifInOctets":[^,}]*' | tail -1 | cut -d: -f2
}
for interface in $sampled; do
    eventually "counters.$interface" "the collector has no record with received octets" \
        eval '[ "$(received '"$interface"' | grep -v null || echo 0)" -gt 0 ]'
done
eventually counters.host-net "no record with received bytes" \
    eval 'records host_net_io | grep -q "\"bytes_in\":[1-9]"'
eventually counters.lacp "no record of a port that is up at both ends" \
    eval 'records lag_port_stats | grep -qi "003f003f"'
eventually counters.vlan "no sample names VLAN 7" \
    grep -q '"record":"extended_switch"[^}]*vlan":7' /tmp/samples
for type in 6 135 161 209; do
    eventually "counters.type-$type" "no interface of ifType $type" \
        eval 'records if_counters | grep -q "\"ifType\":'"$type"'[,}]"'
done
report
check counters.readable "$(grep 'failed reads' /tmp/agent.log | tail -1)" \
    eval '! grep -q "failed reads" /tmp/agent.log'
stop
collected
