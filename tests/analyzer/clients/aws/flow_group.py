"""Reads a log group by flowlogs-reader, which asks EC2 for the format first; each stream by itself, too."""
from _fm import *
from flowlogs_reader import FlowLogsReader
# Events of other streams come in between: only the first ones are compared.
end = utcnow().replace(tzinfo=None) - datetime.timedelta(seconds=2)
read = lambda threads: sorted(
    str(it) for it in FlowLogsReader(GROUP, fields=None, ec2_client=client("ec2"), boto_client=client("logs"),
                                     thread_count=threads, end_time=end, raise_on_error=True))
all, by_stream = read(0), read(2)
assert all and all == by_stream, (len(all), len(by_stream))
assert any("action: ACCEPT" in it and "log_status: OK" in it for it in all)
print("ok", len(all))
