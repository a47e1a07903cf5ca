# Forty interfaces, sampled by the unit's user: each by the eBPF filter, and each with its own pool.

interfaces= wrong=
for number in $(seq 1 12); do
    ip link add "many$number" type veth peer name "many$number" netns peer
    join "1$number" "many$number" "many$number"
    interfaces="$interfaces many$number"
done
for number in $(seq 1 14); do
    for kind in dummy ifb; do
        ip link add "$kind$number" type $kind
        ip link set "$kind$number" up
        interfaces="$interfaces $kind$number"
    done
done
# shellcheck disable=SC2086
configure 10 0 $interfaces
start as_unit
until_true 30 eval '[ "$(grep -c "sampling 1 in" /tmp/agent.log)" = 40 ]'
exact=$(grep -c 'sampling 1 in .*eBPF' /tmp/agent.log)
check many.filter "$exact of 40 interfaces have the eBPF filter" [ "$exact" = 40 ]
# As many requests as ten times the number of the interface, and as many replies.
for number in $(seq 1 12); do
    ping -c $((10 * number)) -i 0.002 -q "10.0.1$number.2" >/dev/null
done
report
for number in $(seq 1 12); do
    saw=$(counted "many$number" "packets seen")
    # Besides there is ARP.
    within "$saw" $((20 * number)) 8 || wrong="$wrong many$number: $saw of $((20 * number)) packets;"
done
check many.pools "$wrong" [ -z "$wrong" ]
idle=$(counted dummy1 "packets seen")$(counted ifb1 "packets seen")
check many.idle "dummy1 and ifb1 have seen $idle packets, not 0 and 0" [ "$idle" = 00 ]
stop
for interface in $interfaces; do ip link del "$interface"; done
