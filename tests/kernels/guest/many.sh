# Forty interfaces, sampled by the unit's user: each by the eBPF filter, and each with its own pool.

wrong=
# One process for all commands of each side, because starting one is what costs here.
for number in $(seq 1 12); do
    echo "link add many$number type veth peer name many$number netns peer"
    echo "addr add 10.1.$number.1/24 dev many$number"
    echo "link set many$number up"
done >/tmp/links
for number in $(seq 1 14); do
    for kind in dummy ifb; do
        echo "link add $kind$number type $kind"
        echo "link set $kind$number up"
    done
done >>/tmp/links
ip -batch /tmp/links
sed -n '/^addr/s/\.1\/24/.2\/24/p; /^link set many/p' /tmp/links | ip -n peer -batch -
interfaces=$(sed -n 's/^link set \([^ ]*\) up/\1/p' /tmp/links)
# shellcheck disable=SC2086
configure 10 0 $interfaces
start as_unit
until_true 30 eval '[ "$(grep -c "sampling 1 in" /tmp/agent.log)" = 40 ]'
exact=$(grep -c 'sampling 1 in .*eBPF' /tmp/agent.log)
check many.filter "$exact of 40 interfaces have the eBPF filter" [ "$exact" = 40 ]
# As many requests as ten times the number of the interface, and as many replies.
for number in $(seq 1 12); do
    ping -c $((10 * number)) -i 0.002 -q "10.1.$number.2" >/dev/null
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
for interface in $interfaces; do echo "link del $interface"; done | ip -batch -
