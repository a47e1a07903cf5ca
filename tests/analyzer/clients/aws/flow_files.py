"""Reads files of flow logs by flowlogs-reader, as if the directory were a bucket, and by DuckDB, and compares the
packets of ACCEPT with PACKETS: python flow_files.py DIR"""
import os, sys, pathlib, duckdb
from flowlogs_reader import S3FlowLogsReader

root, packets = pathlib.Path(sys.argv[1]), float(os.environ["PACKETS"])


class Directory:
    """What the reader calls of a client of S3."""

    def keys(self, prefix):
        return [key for key in (str(it.relative_to(root)) for it in root.rglob("*") if it.is_file()) if key.startswith(prefix)]

    def list_objects_v2(self, Bucket, Prefix, Delimiter):
        names = {Prefix + key[len(Prefix):].split(Delimiter)[0] + Delimiter for key in self.keys(Prefix)}
        return {"CommonPrefixes": [{"Prefix": name} for name in sorted(names)]}

    def get_paginator(self, operation):
        return self

    def paginate(self, Bucket, Prefix):
        return [{"Contents": [{"Key": key} for key in self.keys(Prefix)]}]

    def get_object(self, Bucket, Key):
        return {"Body": open(root / Key, "rb"), "ContentLength": (root / Key).stat().st_size}


records = list(S3FlowLogsReader("bucket", boto_client=Directory(), raise_on_error=True))
text = lambda value: value.decode() if isinstance(value, bytes) else value
assert sum(it.packets for it in records if text(it.action) in ("ACCEPT", "b'ACCEPT'")) == packets, (len(records), packets)
if list(root.rglob("*.log.gz")):
    table = f"read_csv('{root}/**/*.log.gz', delim=' ', header=true, nullstr='-', union_by_name=true)"
else:
    table = f"read_parquet('{root}/**/*.log.parquet')"
found = duckdb.sql(f"select sum(packets), count(*) from {table} where action = 'ACCEPT'").fetchall()[0]
assert found[0] == packets, (found, packets)
print("ok", found)
