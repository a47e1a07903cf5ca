# The network of all checks: here the sampled side, the other side in the namespace `peer`.
# Addresses are 10.0.N.1 and 10.0.N.2. $cards are the network cards, $sampled all interfaces.

# Without devices that the modules would make by themselves.
modprobe bonding max_bonds=0
modprobe dummy numdummies=0
modprobe ifb numifbs=0
for module in virtio_pci virtio_net e1000e vmxnet3 veth 8021q bridge; do
    modprobe $module 2>/dev/null
done
ip link set lo up
mkdir -p /run/netns
ip netns add peer
# Its router solicitations and reports come at any time, between two readings of counters too.
no_ipv6='for scope in all default; do echo 1 >/proc/sys/net/ipv6/conf/$scope/disable_ipv6; done'
sh -c "$no_ipv6"
peer sh -c "$no_ipv6"
ip -n peer link set lo up
join() { # NUMBER INTERFACE PEER
    ip addr add "10.0.$1.1/24" dev "$2"
    ip link set "$2" up
    ip -n peer addr add "10.0.$1.2/24" dev "$3"
    ip -n peer link set "$3" up
}
# QEMU joins a card with an odd last byte of its address to the one with the next even byte.
cards=
for odd in 1 3 5; do
    here=$(grep -l "52:54:00:00:00:0$odd" /sys/class/net/*/address 2>/dev/null | cut -d/ -f5)
    there=$(grep -l "52:54:00:00:00:0$((odd + 1))" /sys/class/net/*/address 2>/dev/null | cut -d/ -f5)
    [ -n "$there" ] || continue
    ip link set "$there" netns peer
    [ -n "$here" ] || continue
    # Named after its driver.
    driver=$(basename "$(readlink "/sys/class/net/$here/device/driver")")
    name=${driver%_net}
    ip link set "$here" name "$name"
    join $(((odd + 1) / 2)) "$name" "$there"
    cards="$cards $name"
done
for card in virtio e1000e vmxnet3; do
    case "$cards " in
    *" $card "*) ;;
    *) skip "card.$card" "no such card or module in this machine" ;;
    esac
done

ip link add veth type veth peer name veth-peer netns peer
join 4 veth veth-peer
ip link add link veth name vlan7 type vlan id 7
ip -n peer link add link veth-peer name vlan7 type vlan id 7
join 7 vlan7 vlan7
# A bond of two cables on either side, by LACP.
for port in 1 2; do ip link add "port$port" type veth peer name "port$port" netns peer; done
bond() {
    ip link add bond type bond mode 802.3ad miimon 100 lacp_rate fast
    for port in 1 2; do ip link set "port$port" master bond; done
}
bond
peer sh -c '. /checks/lib.sh; '"$(sed -n '/^bond() {/,/^}/p' /checks/network.sh)"'; bond'
join 8 bond bond
ip link add bridge type bridge
ip link add member type veth peer name member-peer netns peer
ip link set member master bridge up
join 9 bridge member-peer
sampled="$cards veth vlan7 port1 bond bridge member"
# Packets as they are on the cable: a card counts a super-packet once or not at all.
offload() { # on|off
    all='for interface in $(ls /sys/class/net); do
        ethtool -K "$interface" tso "$1" gso "$1" gro "$1" >/dev/null 2>&1
    done'
    sh -c "$all" offload "$1"
    peer sh -c "$all" offload "$1"
}
