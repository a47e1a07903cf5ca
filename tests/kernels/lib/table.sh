# shellcheck shell=sh
# The table of filters, and its comparison with that of the README. Sourced by `run`; expects
# `scratch`, `console` and `result`.

# row VERSION ARCH LOG NAME: a row for a machine that has run; the README must have the same.
row() {
    case $2 in amd64) processor=x86-64 ;; *) processor=$2 ;; esac
    # Only the series, because later versions of it are the same kernel.
    start="| $(echo "$1" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/') | $processor |"
    row=$start
    for way in root root-later unit unit-later no-bpf; do row="$row $(filter_used "$3" $way) |"; done
    echo "$row" >>"$scratch/rows"
    case $row in *"not run"*) return ;; esac
    if ! grep -qF "$start" README.md; then
        result "$4" SKIP "readme: no row of that kernel in the README, which should have: $row"
    elif grep -qxF "$row" README.md; then
        result "$4" PASS readme
    else
        result "$4" FAIL "readme: the table of the README should have: $row"
    fi
}

filter_used() { # LOG WAY
    console "$1" | sed -n "s/^FILTER $2 //p" | tail -1 | grep . || echo "not run"
}

table() {
    printf '%s\n' '| Linux | Processor | root | root, later interface | unit | unit, later interface | without CAP_BPF |' \
        '|---|---|---|---|---|---|---|'
    cat "$scratch/rows" 2>/dev/null
}
