# The pool of every kind of interface against the kernel's own counters, without super-packets.

offload off
# shellcheck disable=SC2086
configure 10 0 $sampled
collect csv
start as_root
until_true 10 eval 'grep -q up /sys/class/net/bond/operstate'
packets() { # INTERFACE: received and sent
    counters=/sys/class/net/$1/statistics
    echo $(($(cat $counters/rx_packets) + $(cat $counters/tx_packets)))
}
# Both sides of the interval while nothing is sent, but for protocols of the kernel.
sleep 1
report
began=$(now)
for interface in $sampled; do
    eval "kernel_$interface=$(packets "$interface") agent_$interface=$(counted "$interface" "packets seen")"
done
for number in 1 2 3 4 7 8 9; do
    ip -4 addr | grep -q "10.0.$number.1/" || continue
    ping -c 300 -i 0.002 -s 200 -q "10.0.$number.2" >/tmp/ping 2>&1 ||
        fail "ping.$number" "$(grep received /tmp/ping)"
done
for interface in $sampled; do settled "$interface"; done
for interface in $sampled; do
    eval "kernel=\$(($(packets "$interface") - kernel_$interface))"
    eval "agent_saw=\$(($(counted "$interface" "packets seen") - agent_$interface))"
    samples=$(counted "$interface" samples)
    # A bond counts its LACPDUs, four a second, which packet sockets on it do not get.
    slack=4
    case $interface in bond | port1) slack=$((10 + 6 * ($(now) - began))) ;; esac
    difference=$((kernel - agent_saw))
    check "pool.$interface" "the kernel counted $kernel packets, the agent $agent_saw" \
        within "${difference#-}" 0 $slack
    # 600 packets at least, 1 in 10: one in a million would have fewer than 25. Which port of the
    # bond is used is for its hash to say.
    [ $interface = port1 ] ||
        check "samples.$interface" "$samples samples of $agent_saw packets" [ "$samples" -ge 25 ]
done
stop
collected
check collector.counts "$(tail -n 3 /tmp/collector.log | tr '\n' ' ')" \
    eval '! grep -E "[1-9][0-9]* (lost|malformed)" /tmp/collector.log'
