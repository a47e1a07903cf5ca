# Runs every check and prints a line each: PASS, FAIL or SKIP with the check's name.
echo "@@ kernel $(uname -r) $(uname -m), $(nproc) CPUs, after $(cut -d' ' -f1 /proc/uptime) s"
. /checks/lib.sh
. /checks/network.sh
parts=$(sed -n "s/.*flowmote.parts=\([^ ]*\).*/\1/p" /proc/cmdline | tr , " ")
for part in $parts; do
    echo "@@ $part at $(cut -d. -f1 /proc/uptime) s"
    # In a process of its own: a check that ends the shell ends its part only.
    (. "/checks/$part.sh") || fail "$part" "the part ended with status $?"
done
echo "@@ done after $(now) s"
