# shellcheck shell=sh
# Debian packages of several suites and of both processors: fetched by apt with a state of its own
# and unpacked. Nothing is installed and the apt of this machine is not changed. Sourced by `run`;
# expects `cache` and `scratch`.

mirror=${FLOWMOTE_MIRROR:-http://deb.debian.org/debian}
suites="bullseye bullseye-security bookworm bookworm-security bookworm-backports trixie-backports"

# apt_of ARCH COMMAND ARGUMENT...
apt_of() {
    apt_arch=$1 apt_state=$cache/apt/$1
    shift
    if [ ! -e "$apt_state/apt.conf" ]; then
        mkdir -p "$apt_state/lists/partial" "$apt_state/archives/partial"
        : >"$apt_state/status"
        for suite in $suites; do
            case $suite in *-security) uri=$mirror-security ;; *) uri=$mirror ;; esac
            echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
        done >"$apt_state/sources.list"
        # Of this machine's configuration only how to reach a mirror, a proxy for example.
        apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]*)' >"$apt_state/apt.conf"
        cat >>"$apt_state/apt.conf" <<CONF
Dir::State "$apt_state"; Dir::State::status "$apt_state/status"; Dir::Cache "$apt_state";
Dir::Etc::SourceList "$apt_state/sources.list"; Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null"; Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::Parts "/dev/null"; Dir::Etc::Main "/dev/null";
APT::Architecture "$apt_arch"; APT::Architectures {"$apt_arch";}; APT::Sandbox::User "";
Acquire::Languages "none"; Acquire::Retries "1"; Acquire::http::Timeout "30";
CONF
    fi
    # Lists of today are good enough; without a network those of another day are. One attempt for
    # each run, because it can take minutes until apt gives up a mirror that does not respond.
    if [ -z "$(find "$apt_state/updated" -mmin -1440 2>/dev/null)" ] && [ ! -e "$scratch/no-mirror" ]; then
        # Its status is 0 whatever it reaches; and a suite that has moved to the archive is no reason
        # to do without the others.
        APT_CONFIG=$apt_state/apt.conf timeout 600 apt-get update >"$scratch/update" 2>&1
        if grep -qE '^(Hit|Get):' "$scratch/update"; then
            touch "$apt_state/updated"
        else
            sed 's/^/|  /' "$scratch/update" >&2
            echo "no mirror: what the cache has for $apt_arch is used" >&2
            touch "$scratch/no-mirror"
        fi
    fi
    APT_CONFIG=$apt_state/apt.conf timeout 1200 "$@"
}

# fetch ARCH PACKAGE...: downloads into the cache and prints the files' names.
fetch() {
    fetch_arch=$1
    shift
    [ ! -e "$scratch/no-mirror" ] || return
    mkdir -p "$cache/debs/$fetch_arch"
    (cd "$cache/debs/$fetch_arch" && apt_of "$fetch_arch" apt-get download -qq "$@" >&2) || return
    for package in "$@"; do
        # The newest, should there be older ones.
        find "$cache/debs/$fetch_arch" -name "${package}_*.deb" | sort -V | tail -1
    done
}

# kernel_packages ARCH FLAVOUR SERIES: the kernel packages of a series, newest first. A mirror lists
# packages that it no longer has, so one of them is not enough. SERIES "newest" is every series.
kernel_packages() {
    case $3 in newest) version='[0-9][^-]*' ;; *) version="$(echo "$3" | sed 's/\./\\./')\\.[^-]*" ;; esac
    apt_of "$1" apt-cache search --names-only \
        "^linux-(image|binary-unsigned)-$version(-[0-9]+)?-$2(-unsigned)?\$" |
        awk '{print $1}' | grep -E -- "-unsigned" | awk '{
            version = $1
            sub(/^linux-(image|binary-unsigned)-/, "", version)
            print version, $1
        }' | sort -rV | cut -d" " -f2 | head -3
}

# fetch_kernel ARCH FLAVOUR SERIES: prints a directory with `vmlinuz` and `modules.cpio`, made anew
# where it is missing. Without a network the newest version in the cache serves.
fetch_kernel() {
    for package in $(kernel_packages "$@"); do
        version=$(echo "$package" | sed -E 's/^linux-(image|binary-unsigned)-//; s/-unsigned$//')
        kernel=$cache/kernels/$1-$version
        cmp -s "$here/guest/modules" "$kernel/list" ||
            make_kernel "$1" "$package" "$version" "$kernel" || continue
        echo "$kernel"
        return
    done
    case $3 in newest) pattern="$1-*-$2" ;; *) pattern="$1-$3.*-$2" ;; esac
    kernel=$(find "$cache/kernels" -maxdepth 1 -name "$pattern" 2>/dev/null | sort -V | tail -1)
    [ -n "$kernel" ] || return
    cmp -s "$here/guest/modules" "$kernel/list" ||
        echo "$(basename "$kernel") has the modules of an earlier list: it cannot be made anew" >&2
    echo "$kernel"
}

# make_kernel ARCH PACKAGE VERSION DIRECTORY
make_kernel() {
    arch=$1 package=$2 version=$3 kernel=$4
    case $package in
    # Up to 6.12 one package holds everything; later the modules and their lists are in two more.
    linux-binary-*) set -- "$package" "linux-modules-$version" "linux-base-$version" ;;
    *) set -- "$package" ;;
    esac
    debs=$(fetch "$arch" "$@") || return
    unpacked=$(mktemp -d)
    for deb in $debs; do
        dpkg -x "$deb" "$unpacked" || return
    done
    # The path of packages that are made for a merged /usr.
    [ -d "$unpacked/lib/modules" ] || ln -sfn usr/lib "$unpacked/lib"
    depmod -b "$unpacked" "$version" || return
    rm -rf "$kernel.new"
    mkdir -p "$kernel.new"
    pack_modules "$unpacked" "$version" "$kernel.new/modules.cpio" || return
    find "$unpacked" -name 'vmlinuz*' -type f -exec cp {} "$kernel.new/vmlinuz" \;
    [ -s "$kernel.new/vmlinuz" ] || return
    cp "$here/guest/modules" "$kernel.new/list"
    rm -rf "$kernel"
    mv "$kernel.new" "$kernel" || return
    # What is in the cache is enough from here on.
    rm -rf "$unpacked" $debs
}

# pack_modules UNPACKED VERSION ARCHIVE: the modules of guest/modules with those that they need.
pack_modules() {
    root=$(mktemp -d)
    to=$root/lib/modules/$2
    mkdir -p "$to"
    # One that the kernel lacks is no error: the checks that need it are skipped.
    for module in $(grep -v '^#' "$here/guest/modules"); do
        modprobe -d "$1" -S "$2" --show-depends "$module" 2>/dev/null
    done | awk '$1 == "insmod" {print $2}' | sort -u | while read -r file; do
        case $file in
        *.xz) xz -dc "$file" >"$to/$(basename "$file" .xz)" ;;
        *.zst) zstd -dcq "$file" >"$to/$(basename "$file" .zst)" ;;
        *) cp "$file" "$to" ;;
        esac
    done
    cp "$1/lib/modules/$2"/modules.builtin* "$1/lib/modules/$2/modules.order" "$to"
    depmod -b "$root" "$2" && archive "$root" "$3" && rm -rf "$root"
}
