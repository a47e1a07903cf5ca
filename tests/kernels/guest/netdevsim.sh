# Ethernet counters (IEEE 802.3) of a card whose driver has them all.

[ -e /netdevsim.ko ] || { skip netdevsim "the module is built for 6.1-amd64 only, or could not be"; exit 0; }
modprobe psample
before=$(ls /sys/class/net)
insmod /netdevsim.ko
echo "10 1" >/sys/bus/netdevsim/new_device
until_true 10 eval '[ "$(ls /sys/class/net)" != "$before" ]'
for interface in /sys/class/net/*; do
    name=${interface##*/}
    echo "$before" | grep -qx "$name" || card=$name
done
ip link set "$card" name simulated
ip link set simulated up
configure 10 1 simulated
collect json
start as_root
until_true 10 eval 'records ethernet_counters | grep -q .'
stop
collected
record=$(records ethernet_counters | tail -n 1)
# Each counter is the number of its field; 5, SQE test errors, is what the kernel does not have.
values=$(echo "$record" | grep -o '"dot3[^:]*:[^,}]*' | cut -d: -f2 | tr '\n' ' ')
check netdevsim.ethernet "fields $values" \
    [ "$values" = "1 2 3 4 4294967295 6 7 8 9 10 11 12 13 " ]
echo 10 >/sys/bus/netdevsim/del_device
