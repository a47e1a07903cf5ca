# shellcheck shell=sh
# One virtual machine, emulated so that it runs the same on every host. Sourced by `run`; expects
# `work`, `scratch`, `limit`, `append`.

# boot ARCH KERNEL LOG ARCHIVE...: ends when the machine does, after `limit` seconds, or when the
# machine has printed nothing for a quarter of an hour. No check takes that long on the slowest host.
boot() {
    arch=$1 kernel=$2 log=$3
    shift 3
    initrd=$scratch/initrd
    cat "$@" >"$initrd" || return
    case $arch in
    amd64)
        set -- qemu-system-x86_64 -M q35 -cpu qemu64
        # On a busy host the emulated timer is late, which the kernel would take for a broken one.
        append="$append no_timer_check"
        console=ttyS0
        nics="virtio-net-pci e1000e vmxnet3"
        ;;
    arm64)
        set -- qemu-system-aarch64 -M virt -cpu cortex-a72
        console=ttyAMA0
        nics="virtio-net-pci"
        ;;
    esac
    # Two processors: some errors of counters and of the verifier need more than one.
    set -- "$@" -accel tcg,thread=multi -smp 2 -m "${memory:-1536}" -nodefaults -no-user-config \
        -display none -serial stdio -no-reboot -uuid 11111111-2222-3333-4444-555555555555
    # A disk, for the counters of disks; what is written to it is thrown away.
    disk=$scratch/disk.ext2
    [ -e "$disk" ] || { truncate -s 16M "$disk" && mke2fs -q -t ext2 "$disk"; } || return
    set -- "$@" -drive "file=$disk,if=none,id=disk,format=raw,snapshot=on" -device virtio-blk-pci,drive=disk
    # Pairs of network cards on a cable each: one with an odd address, its peer with the next even.
    pair=1
    for nic in $nics; do
        set -- "$@" \
            -netdev "hubport,id=a$pair,hubid=$pair" \
            -device "$nic,netdev=a$pair,mac=52:54:00:00:00:0$((2 * pair - 1))" \
            -netdev "hubport,id=b$pair,hubid=$pair" \
            -device "virtio-net-pci,netdev=b$pair,mac=52:54:00:00:00:0$((2 * pair))"
        pair=$((pair + 1))
    done
    # QEMU's own status says nothing: it is 0 after a kernel panic too. `run` looks for the last
    # line that guest/init prints.
    timeout -k 10 "$limit" nice -n 10 "$@" -kernel "$kernel/vmlinuz" -initrd "$initrd" \
        -append "console=$console panic=-1 loglevel=1 $append" </dev/null >"$log" 2>&1 &
    # In the background, so that a signal to `run` ends it too.
    machine=$!
    while kill -0 $machine 2>/dev/null; do
        sleep 1
        [ -z "$(find "$log" -mmin +15)" ] || kill $machine
    done
    machine=
    rm -f "$initrd"
}
