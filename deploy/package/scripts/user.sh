# The user of sysusers.d/flowmote.conf. Under it the agent runs whether systemd starts it or root;
# systemd takes it for its dynamic user of the same name.
if ! getent passwd flowmote >/dev/null; then
    systemd-sysusers flowmote.conf 2>/dev/null ||
        useradd --system --user-group --no-create-home --home-dir / \
            --shell /usr/sbin/nologin --comment "Flowmote sFlow agent" flowmote
fi
