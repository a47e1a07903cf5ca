# shellcheck shell=sh
# What a virtual machine boots: archives that the kernel unpacks one after the other into its first
# root directory. Sourced by `run` after packages.sh; expects `cache`, `here`, `work`, `scratch`, `cargo`, `nets`, `name`.

# archive DIRECTORY FILE: its root must be open to all, else an agent without root reads no /proc.
archive() {
    chmod 755 "$1"
    (cd "$1" && find . | cpio -o -H newc --quiet -R 0:0) >"$2.new" && mv "$2.new" "$2"
}

# userland ARCH PACKAGE...: Debian's packages with all that they depend on; prints the archive's path.
userland() {
    user_arch=$1
    shift
    set -- busybox-static dash coreutils util-linux mount iproute2 iputils-ping ethtool nftables "$@"
    out=$cache/userland-$user_arch-$(echo "$*" | cksum | cut -d' ' -f1).cpio
    if [ ! -e "$out" ]; then
        closure=$(apt_of "$user_arch" apt-get install -qq -y --no-install-recommends --print-uris "$@" |
            sed -E "s/^'([^']*)' .*/\1/; s#.*/##; s/_.*//") || return
        # shellcheck disable=SC2086
        debs=$(fetch "$user_arch" $closure) || return
        root=$(mktemp -d)
        for deb in $debs; do
            dpkg -x "$deb" "$root" || return
        done
        find "$root" -path '*/gconv' -prune -exec rm -rf {} +
        rm -rf "$root/usr/share" "$root/var/lib/dpkg" "$root/etc/init.d"
        ln -sf dash "$root/bin/sh"
        # For the modules that the kernel requests.
        ln -sf /bin/busybox "$root/sbin/modprobe"
        archive "$root" "$out" || return
        # shellcheck disable=SC2086
        rm -rf "$root" $debs
    fi
    echo "$out"
}

# programs TRIPLE: agent, analyzer and the tests net_*, statically linked. Optimised, since an emulated
# processor runs them, but linked without the whole-program optimisation, which takes minutes.
programs() {
    (
        export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
        export CARGO_PROFILE_RELEASE_OPT_LEVEL=1
        settings=CARGO_TARGET_$(echo "$1" | tr 'a-z-' 'A-Z_')
        # Part of the Rust toolchain, so that no cross compiler is needed. Stripped as the packages are.
        export "${settings}_LINKER=rust-lld" "${settings}_RUSTFLAGS=-Cstrip=symbols"
        set -- --release --locked --target "$1" --target-dir "$work/build"
        "$cargo" build -q "$@" -p flowmote -p flowmote-analyzer -p flowmote-lab || exit
        [ "$nets" = yes ] || exit 0
        "$cargo" test -q "$@" --no-run --workspace --test "$net_tests"
    )
}

# debs TRIPLE DIRECTORY: Debian packages of these programs, with the release numbers 1 and 2.
debs() {
    for release in 1 2; do
        "$cargo" run -q --locked -p flowmote-package -- build deb --release $release \
            --arch "${1%%-*}" --programs "$work/build/$1/release" --output "$2" >/dev/null || return
    done
}

# guest TRIPLE [NETDEVSIM]: programs, checks, the module of the simulated card and the unit whose way of starting the checks take.
guest() {
    root=$(mktemp -d) out=$scratch/guest.cpio
    units=$root/etc/systemd/system
    mkdir -p "$root/bin" "$root/checks" "$root/net" "$root/usr/local/sbin" "$root/usr/local/bin" \
        "$root/lib/systemd/system" \
        "$units/multi-user.target.wants"
    built=$work/build/$1/release
    cp "$built/flowmote" "$built/flowmote-analyzer" "$built/flowmote-lab" "$root/bin" || return
    if [ "$nets" = yes ]; then
        # The newest program of each test: an earlier build may have left others.
        for test in $(find "$built/deps" -name "$net_tests-*" -type f -perm -1 | sed 's#.*/##; s/-[0-9a-f]*$//' | sort -u); do
            newest=$(find "$built/deps" -name "$test-*" -type f -perm -1 -printf '%T@ %p\n' | sort -n | tail -1)
            cp "${newest#* }" "$root/net/$test"
        done
    fi
    cp "$here"/guest/*.sh "$root/checks"
    [ -z "${2:-}" ] || cp "$2" "$root/netdevsim.ko"
    if has_systemd; then
        # The checks install the packages.
        rm "$root/bin/flowmote" "$root/bin/flowmote-analyzer"
        debs "$1" "$root/packages" || return
    else
        # As `make install` has them.
        ln -s /bin/flowmote "$root/usr/local/sbin/flowmote"
        ln -s /bin/flowmote-analyzer "$root/usr/local/bin/flowmote-analyzer"
        cp "$here/../../platform-linux/dist/flowmote.service" \
            "$here/../../analyzer/collector/dist/flowmote-analyzer.service" "$root/lib/systemd/system"
    fi
    # The addition for nflog, as the page has it.
    awk '/^```/ {inside = 0} inside {print} /systemctl edit flowmote/ {found = 1}
        /^```$/ && found {inside = !done; done = 1}' "$here/../../docs/operations.md" >"$root/checks/nflog.conf"
    cp "$here/guest/checks.service" "$units"
    ln -s ../checks.service "$units/multi-user.target.wants"
    install -m 755 "$here/guest/init" "$root/init"
    printf '%s\n' root:x:0:0::/:/bin/sh nobody:x:65534:65534::/:/bin/false >"$root/etc/passwd"
    printf '%s\n' root:x:0: nogroup:x:65534: >"$root/etc/group"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
    # A test mounts another file over it.
    : >"$root/etc/resolv.conf"
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    archive "$root" "$out" || return
    rm -rf "$root"
    echo "$out"
}
