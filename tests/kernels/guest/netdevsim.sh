# A card whose driver has what few have: Ethernet counters (IEEE 802.3), optical modules, packets that
# the chip samples, and packets that it drops.

[ -e /netdevsim.ko ] || { skip netdevsim "the module is built for 6.1-amd64 and 6.12-amd64 only, or could not be"; exit 0; }
modprobe psample
modprobe drop_monitor
before=$(ls /sys/class/net)
insmod /netdevsim.ko
echo "10 3" >/sys/bus/netdevsim/new_device
new() { ls /sys/class/net | grep -vxF "$before"; }
until_true 10 eval '[ "$(new | wc -l)" = 3 ]'
# The ports in the order of their ifIndexes.
for interface in $(new); do echo "$(cat "/sys/class/net/$interface/ifindex") $interface"; done |
    sort -n >/tmp/ports
number=0
while read -r index interface; do
    ip link set "$interface" name "simulated$number"
    ip link set "simulated$number" up
    number=$((number + 1))
done </tmp/ports
port() { sed -n "$(($1 + 1))s/ .*//p" /tmp/ports; }
logged() { grep -q "$1" /tmp/agent.log; }

# Polls
echo 'sflow { collector { ip = 127.0.0.1 } sampling = 1 polling = 1 optics { } pcap { dev = simulated0 } }' \
    >/etc/flowmote.conf
flowmote check >/tmp/check.log 2>&1
check netdevsim.optics-check "$(grep optics /tmp/check.log)" \
    grep -q 'optics  *modules with diagnostics: simulated0, simulated1, simulated2' /tmp/check.log
collect json
start as_root
module() { grep -o "\"record\":\"sfp\",[^[]*\"module_id\":$(port "$1"),[^[]*\[[^]]*\]" /tmp/samples | tail -n 1; }
for number in 0 1 2; do until_true 10 eval '[ -n "$(module $number)" ]'; done
until_true 10 eval 'records ethernet_counters | grep -q .'
stop
collected
record=$(records ethernet_counters | tail -n 1)
# Each counter is the number of its field; 5, SQE test errors, is what the kernel does not have.
values=$(echo "$record" | grep -o '"dot3[^:]*:[^,}]*' | cut -d: -f2 | tr '\n' ' ')
check netdevsim.ethernet "fields $values" \
    [ "$values" = "1 2 3 4 4294967295 6 7 8 9 10 11 12 13 " ]
# optics NAME PORT VALUE...: lanes, millivolts and millidegrees, then ten values of each lane.
optics() {
    name=$1 record=$(module "$2")
    shift 2
    values=$(echo "${record#*\"module_id\":}" | grep -o ':-\?[0-9][0-9]*' | tr -d : | tr '\n' ' ')
    check "netdevsim.optics-$name" "values $values" [ "$values" = "$* " ]
}
# Lane, bias, then transmitted and received: power with its alarms, wavelength.
optics sff8636 0 4 3300 30500 \
    1 6000 2000 70 5000 1310 1000 50 4000 1310 \
    2 6200 2100 70 5000 1310 1100 50 4000 1310 \
    3 6400 2200 70 5000 1310 1200 50 4000 1310 \
    4 6600 2300 70 5000 1310 1300 50 4000 1310
optics cmis 1 2 3310 45500 \
    1 16000 2100 51 4100 1550 1100 71 5100 1550 \
    2 16400 2200 51 4100 1550 1200 71 5100 1550
optics sff8472 2 1 3320 -10000 \
    1 7000 450 72 5200 850 550 52 4200 850

# Samples of the chip, with queue, depth and delay, and drops that its traps report.
directory=/sys/kernel/debug/netdevsim/netdevsim10/psample
group=$(cat $directory/group_num)
echo "sflow { collector { ip = 127.0.0.1 } polling = 0 sampling = 1 psample { group = $group }
    dropmon { start = on sw = off } }" >/etc/flowmote.conf
collect json
start as_root
eventually netdevsim.dropmon "not started" logged 'dropmon: monitoring started'
echo 1 >$directory/enable
for trap in blackhole_route fid_miss; do
    devlink trap set netdevsim/netdevsim10 trap $trap action trap
done
has_samples() { report; logged 'psample group [0-9]* (ingress): [1-9]'; }
eventually netdevsim.samples "no sample" has_samples
has_drops() { report; logged 'dropmon: [1-9]'; }
eventually netdevsim.drops "no drop" has_drops
# One sample a line.
each() { sed 's/"sample":/\n&/g' /tmp/samples; }
trapped() { each | grep -q "\"input_if_index\":$(port "$1"),$2,.*\"group\":\"$3_drops\",\"trap\":\"$4\""; }
blackhole='"output_if_index":0,"reason":269,"reason_name":"blackhole_route"'
# A trap of this driver alone has the reason of its group.
unknown='"output_if_index":0,"reason":284,"reason_name":"unknown_l2"'
until_true 10 trapped 2 "$unknown" l2 fid_miss
echo 0 >$directory/enable
stop
collected
for record in extended_egress_queue extended_queue extended_transit extended_timestamp; do
    check netdevsim.$record "no sample has it" eval \
        "each | grep '^\"sample\":\"flow_sample\"' | grep -q '\"record\":\"$record\"'"
done
for number in 0 1 2; do
    check netdevsim.trap-$number "not the port, the reason and the trap" \
        trapped $number "$blackhole" l3 blackhole_route
    check netdevsim.own-trap-$number "not the port, the reason and the trap" \
        trapped $number "$unknown" l2 fid_miss
done
echo 10 >/sys/bus/netdevsim/del_device
