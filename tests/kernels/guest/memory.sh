# Locked memory: before 5.11 the kernel charges maps and programs to RLIMIT_MEMLOCK, and its default
# of 64 KiB is enough for a few interfaces only.

interfaces=
for number in 1 2 3 4 5 6; do
    ip link add "m$number" type veth peer name "w$number"
    ip link set "m$number" up
    ip link set "w$number" up
    interfaces="$interfaces m$number w$number"
done
# shellcheck disable=SC2086
configure 10 0 $interfaces
exact() { grep -c 'sampling 1 in .*eBPF' /tmp/agent.log; }

little_memory() { exec prlimit --memlock=65536:65536 "$@"; }
for way in little_memory as_unit; do
    case $way in little_memory) name=memory.root-64k ;; *) name=memory.unit ;; esac
    start $way
    until_true 20 eval '[ "$(grep -c "sampling 1 in" /tmp/agent.log)" = 12 ]'
    check $name "$(exact) of 12 interfaces have the eBPF filter" [ "$(exact)" = 12 ]
    stop
done
for number in 1 2 3 4 5 6; do ip link del "m$number"; done
