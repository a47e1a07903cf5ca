# Where other programs look for the settings that the agent publishes. The agent, which is not root,
# cannot make the link. A file of hsflowd stays.
[ -e /etc/hsflowd.auto ] || [ -L /etc/hsflowd.auto ] ||
    ln -s /run/flowmote/hsflowd.auto /etc/hsflowd.auto
