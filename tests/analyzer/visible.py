#!/usr/bin/env python3
"""usage: visible.py URL [COUNT]

Measures how long a value of PutMetricData takes until GetMetricData returns it, by COUNT values (100) of the
metric `visible` of the namespace `Test`. With the standard library only.
"""

import json
import sys
import time
import urllib.request


def call(server, operation, request):
    head = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}"}
    with urllib.request.urlopen(urllib.request.Request(server, json.dumps(request).encode(), head)) as reply:
        return json.load(reply)


def main(server, count=100):
    taken = []
    for number in range(int(count)):
        value = time.time_ns() % 1_000_000_007 + number
        metric = {"Namespace": "Test", "MetricName": "visible"}
        start = time.monotonic()
        call(server, "PutMetricData", {"Namespace": "Test", "MetricData": [{"MetricName": "visible", "Value": value}]})
        while True:
            now = time.time()
            query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 1, "Stat": "Maximum"}}
            found = call(server, "GetMetricData", {"StartTime": now - 60, "EndTime": now + 60, "MetricDataQueries": [query]})
            if value in found["MetricDataResults"][0]["Values"]:
                break
        taken.append(1000 * (time.monotonic() - start))
        time.sleep(1.01)
    taken.sort()
    print(f"{len(taken)} values: median {taken[len(taken) // 2]:.1f} ms, p99 {taken[int(0.99 * (len(taken) - 1))]:.1f} ms, slowest {taken[-1]:.1f} ms")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
