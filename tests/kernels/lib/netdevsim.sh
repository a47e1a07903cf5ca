# shellcheck shell=sh
# The simulated network card, which Debian's kernels lack: built from Debian's source of the kernel,
# outside its tree, with statistics and optical modules that only few real cards have. Sourced by `run`
# after packages.sh.

# netdevsim ARCH KERNEL FLAVOUR SERIES: prints the path of the module, which is kept with the kernel.
netdevsim() {
    version=$(basename "$2" | sed "s/^$1-//") module=$2/netdevsim-$(cat "$here"/netdevsim/*.c | cksum | cut -d' ' -f1).ko
    [ ! -e "$module" ] || { echo "$module"; return; }
    common=linux-headers-${version%-"$3"}-common
    # From 6.12 on the version is in the name of the scripts, too.
    case $4 in 6.1) scripts=linux-kbuild-$4 ;; *) scripts=linux-kbuild-${version%-"$3"} ;; esac
    debs=$(fetch "$1" "linux-headers-$version" "$common" "$scripts") || return
    source=$(fetch "$1" "linux-source-$4") || return
    tree=$(mktemp -d)
    for deb in $debs; do dpkg -x "$deb" "$tree" || return; done
    dpkg --fsys-tarfile "$source" | tar -xO "./usr/src/linux-source-$4.tar.xz" | xz -dc |
        tar -x -C "$tree" "linux-source-$4/drivers/net/netdevsim" || return
    driver=$tree/linux-source-$4/drivers/net/netdevsim
    cat "$here"/netdevsim/*.c >"$tree/ours.c"
    awk -v ours="$tree/ours.c" '
        /^static const struct ethtool_ops / {
            while ((getline line <ours) > 0) print line
            print
            print "\t.get_eth_mac_stats = dot3_mac,"
            print "\t.get_eth_phy_stats = dot3_phy,"
            print "\t.get_module_eeprom_by_page = optics_page,"
            next
        }
        {print}' "$driver/ethtool.c" >"$driver/ethtool.new" && mv "$driver/ethtool.new" "$driver/ethtool.c"
    headers=$tree/usr/src/linux-headers-$version
    # It names the common part by its installed path.
    sed -i "s#/usr/src#$tree/usr/src#" "$headers/Makefile"
    # Without type information, which takes another program.
    make -s -C "$headers" "M=$driver" CONFIG_NETDEVSIM=m CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$work/logs/netdevsim" 2>&1 || return
    strip -g -o "$module" "$driver/netdevsim.ko" || return
    rm -rf "$tree"
    echo "$module"
}
