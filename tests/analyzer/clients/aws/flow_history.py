"""Sums the files of the history of flows by DuckDB and compares them with BYTES and SAMPLES:
python flow_history.py DIR"""
import os, sys, duckdb

table = f"read_parquet('{sys.argv[1]}/**/*.parquet')"
found = duckdb.sql(f"select round(sum(flowmote_frame_bytes)), sum(flowmote_samples), count(distinct pkt_srcaddr) from {table}")
assert found.fetchall() == [(float(os.environ["BYTES"]), int(os.environ["SAMPLES"]), 1)], found
print("ok")
