"""Decodes a request of OTLP/HTTP (JSON, gzip) on standard input by the messages of OpenTelemetry, which
refuse members that they do not have, and prints its points as JSON."""

import gzip
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

request = json_format.Parse(gzip.decompress(sys.stdin.buffer.read()), ExportMetricsServiceRequest())


def pairs(attributes):
    names = [attribute.key for attribute in attributes]
    assert len(names) == len(set(names)), names
    return {attribute.key: attribute.value.string_value for attribute in attributes}


points = []
for resource in request.resource_metrics:
    for scope in resource.scope_metrics:
        assert scope.scope.name == "flowmote-analyzer", scope.scope
        names = [metric.name for metric in scope.metrics]
        assert len(names) == len(set(names)), names
        for metric in scope.metrics:
            kind = metric.WhichOneof("data")
            if kind == "sum":
                assert metric.sum.is_monotonic
                assert metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
            for point in getattr(metric, kind).data_points:
                points.append({
                    "resource": pairs(resource.resource.attributes),
                    "metric": metric.name,
                    "unit": metric.unit,
                    "kind": "cumulative" if kind == "sum" else kind,
                    "attributes": pairs(point.attributes),
                    "start": point.start_time_unix_nano,
                    "time": point.time_unix_nano,
                    "value": point.as_double,
                    "flags": point.flags,
                })
json.dump(points, sys.stdout)
