# The tests of the agent in namespaces, as they are, by the kernel of this machine.

modprobe virtio_blk
modprobe crc32c_generic 2>/dev/null
modprobe ext4
until_true 5 [ -e /dev/vda ]
mkdir -p /disk
mount -t ext2 /dev/vda /disk || mount -t ext4 /dev/vda /disk
export FLOWMOTE_PROGRAMS=/bin FLOWMOTE_SKIPPED=/tmp/skipped RUST_BACKTRACE=0 RUST_TEST_THREADS=1
: >/tmp/skipped
for test in /net/net_*; do
    name=$(basename "$test")
    [ -x "$test" ] || { skip net "the tests are not built"; break; }
    timeout 600 "$test" >/tmp/test.log 2>&1
    status=$?
    if [ $status = 0 ]; then
        pass "$name"
    else
        echo "FAIL $name: status $status, $(grep -a '^test .*FAILED' /tmp/test.log | tr '\n' ' ')"
        grep -a -A3 'panicked at' /tmp/test.log | cut -c1-300 | head -n 24 | sed 's/^/|  /'
    fi
done
# Comparisons with tshark are for hosts: the packets that it would read are the same here.
count=$(grep -c 'tshark: No such file' /tmp/skipped)
[ "$count" = 0 ] || skip net.tshark "$count comparisons with tshark, which is not in the machine"
grep -v 'tshark: No such file' /tmp/skipped | sed 's/^SKIPPED/SKIP/' | cut -c1-200 | sort -u
