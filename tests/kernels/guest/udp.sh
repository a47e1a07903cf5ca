# Super-packets of UDP against the number of datagrams sent.

offload on
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
check udp.accounted "$(counted veth "samples in the ring") chosen packets are neither samples nor drops" \
    [ "$(counted veth "samples in the ring")" = 0 ]
check udp.readable "$unreadable unreadable" [ "$unreadable" = 0 ]
check udp.samples "$dropped drops of about 825" [ "$dropped" -lt 80 ]
check udp.no-old-packets "$old samples show packets from before" [ "$old" = 0 ]
