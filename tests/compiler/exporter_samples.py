"""An hour of made-up samples of the usual exporters, two instances each, with the labels that they really have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sereno.kernel.labels import Labels
from sereno.promql import Columns, Selection, matches

NOW_MS = 1_767_312_000_000
STEP_MS = 30_000
HOURS = 25
Series = Mapping[str, str]
ROWS = (
    # PostgreSQL, by postgres_exporter
    ("gauge", "pg_up", {}, 1),
    ("gauge", "pg_settings_max_connections", {"server": "db:5432"}, 100),
    ("gauge", "pg_stat_database_numbackends", {"datid": "1", "datname": "shop"}, 30),
    ("gauge", "pg_stat_database_numbackends", {"datid": "2", "datname": "crm"}, 10),
    ("gauge", "pg_stat_database_numbackends", {"datid": "3", "datname": "template1"}, 5),
    ("gauge", "pg_replication_lag_seconds", {}, 2),
    ("gauge", "pg_replication_is_replica", {}, 0),
    ("gauge", "pg_stat_activity_count", {"datname": "shop", "state": "active"}, 7),
    ("gauge", "pg_stat_activity_count", {"datname": "shop", "state": "idle in transaction"}, 1),
    ("gauge", "pg_stat_activity_max_tx_duration", {"datname": "shop", "state": "active"}, 3),
    ("gauge", "pg_locks_count", {"datname": "shop", "mode": "accessexclusivelock"}, 1),
    ("gauge", "pg_database_size_bytes", {"datname": "shop"}, 1e9),
    *(("counter", f"pg_stat_database_{name}", {"datname": "shop"}, 1) for name in (
        "xact_commit", "xact_rollback", "blks_hit", "blks_read", "tup_returned", "tup_fetched", "tup_inserted",
        "tup_updated", "tup_deleted", "deadlocks", "temp_bytes", "blk_read_time", "blk_write_time")),
    # Redis, by redis_exporter
    ("gauge", "redis_up", {}, 1),
    ("gauge", "redis_memory_used_bytes", {}, 5e7),
    ("gauge", "redis_memory_max_bytes", {}, 1e8),
    ("gauge", "redis_connected_clients", {}, 12),
    ("gauge", "redis_blocked_clients", {}, 2),
    ("gauge", "redis_db_keys", {"db": "db0"}, 1000),
    ("gauge", "redis_rdb_last_save_timestamp_seconds", {}, NOW_MS / 1000 - 600),
    ("counter", "redis_keyspace_hits_total", {}, 9),
    ("counter", "redis_keyspace_misses_total", {}, 1),
    ("counter", "redis_rejected_connections_total", {}, 0),
    ("counter", "redis_evicted_keys_total", {}, 1),
    ("counter", "redis_expired_keys_total", {}, 1),
    ("counter", "redis_commands_processed_total", {}, 20),
    ("counter", "redis_commands_total", {"cmd": "get"}, 20),
    ("counter", "redis_commands_duration_seconds_total", {"cmd": "get"}, 0.01),
    # Machines, by node_exporter
    ("gauge", "node_uname_info", {"nodename": "n", "release": "6.1"}, 1),
    *(("counter", "node_cpu_seconds_total", {"cpu": cpu, "mode": mode}, rate)
      for cpu in ("0", "1") for mode, rate in (("idle", 0.75), ("user", 0.25))),
    ("gauge", "node_memory_MemAvailable_bytes", {}, 4e9),
    ("gauge", "node_memory_MemTotal_bytes", {}, 1.6e10),
    ("gauge", "node_load5", {}, 3),
    ("counter", "node_vmstat_oom_kill", {}, 0),
    ("gauge", "node_filesystem_avail_bytes", {"device": "sda1", "fstype": "ext4", "mountpoint": "/"}, 3e10),
    ("gauge", "node_filesystem_size_bytes", {"device": "sda1", "fstype": "ext4", "mountpoint": "/"}, 1e11),
    ("gauge", "node_filesystem_avail_bytes", {"device": "tmpfs", "fstype": "tmpfs", "mountpoint": "/run"}, 0),
    ("gauge", "node_filesystem_size_bytes", {"device": "tmpfs", "fstype": "tmpfs", "mountpoint": "/run"}, 1e6),
    *(("counter", f"node_disk_{name}", {"device": "sda"}, 0.5) for name in (
        "read_bytes_total", "written_bytes_total", "io_time_seconds_total")),
    *(("counter", f"node_network_{name}", {"device": device}, 7) for device in ("eth0", "lo") for name in (
        "receive_bytes_total", "transmit_bytes_total", "receive_errs_total", "transmit_errs_total")),
    # Kubernetes: two replicas of kube-state-metrics say the same
    ("gauge", "kube_node_info", {"node": "n1"}, 1),
    ("gauge", "kube_node_status_condition", {"node": "n1", "condition": "Ready", "status": "true"}, 1),
    ("gauge", "kube_node_status_condition", {"node": "n2", "condition": "Ready", "status": "true"}, 0),
    *(("gauge", "kube_pod_status_phase", {"namespace": "shop", "pod": pod, "phase": phase, "uid": pod}, value)
      for pod, phase, value in (("a", "Running", 1), ("a", "Pending", 0), ("b", "Pending", 1), ("b", "Running", 0))),
    ("counter", "kube_pod_container_status_restarts_total", {"namespace": "shop", "pod": "a", "container": "c"}, 0.01),
    ("gauge", "kube_pod_container_status_waiting_reason",
     {"namespace": "shop", "pod": "b", "container": "c", "reason": "ImagePullBackOff"}, 1),
    ("gauge", "kube_deployment_spec_replicas", {"namespace": "shop", "deployment": "api"}, 3),
    ("gauge", "kube_deployment_status_replicas_available", {"namespace": "shop", "deployment": "api"}, 2),
    ("gauge", "kube_horizontalpodautoscaler_status_current_replicas",
     {"namespace": "shop", "horizontalpodautoscaler": "api"}, 3),
    ("gauge", "kube_horizontalpodautoscaler_spec_max_replicas",
     {"namespace": "shop", "horizontalpodautoscaler": "api"}, 4),
    *(("gauge", "kube_pod_container_resource_requests",
       {"namespace": "shop", "pod": "a", "container": "c", "node": "n1", "resource": name, "unit": unit}, 1)
      for name, unit in (("cpu", "core"), ("memory", "byte"))),
    *(("gauge", "kube_node_status_allocatable", {"node": "n1", "resource": name, "unit": unit}, 4)
      for name, unit in (("cpu", "core"), ("memory", "byte"))),
    *(("counter", f"container_{name}", {"namespace": "shop", "pod": "a", "container": container}, 0.5)
      for container in ("", "c") for name in (
          "cpu_usage_seconds_total", "cpu_cfs_throttled_periods_total", "cpu_cfs_periods_total")),
    ("gauge", "container_memory_working_set_bytes", {"namespace": "shop", "pod": "a", "container": "c"}, 1e8),
    ("gauge", "kubelet_volume_stats_available_bytes", {"namespace": "shop", "persistentvolumeclaim": "data"}, 2e9),
    ("gauge", "kubelet_volume_stats_capacity_bytes", {"namespace": "shop", "persistentvolumeclaim": "data"}, 1e10),
    # Probes, by blackbox_exporter
    ("gauge", "probe_success", {}, 1),
    ("gauge", "probe_duration_seconds", {}, 0.2),
    ("gauge", "probe_ssl_earliest_cert_expiry", {}, NOW_MS / 1000 + 30 * 86400),
    # One's own programs
    ("counter", "http_requests_total", {"status": "200"}, 9),
    ("counter", "http_requests_total", {"status": "500"}, 1),
    *(("counter", "http_request_duration_seconds_bucket", {"le": le}, rate)
      for le, rate in (("0.1", 5), ("0.3", 8), ("1", 10), ("+Inf", 10))),
    ("counter", "http_request_duration_seconds_count", {}, 10),
    ("counter", "integration_api_calls_total", {"integration": "geotab", "status": "ok"}, 3),
    ("counter", "integration_api_calls_total", {"integration": "geotab", "status": "error"}, 1),
    ("counter", "integration_api_calls_total", {"integration": "bank", "status": "ok"}, 2),
    *(("counter", "integration_api_duration_seconds_bucket", {"integration": "geotab", "le": le}, rate)
      for le, rate in (("0.1", 2), ("1", 4), ("+Inf", 4))),
    ("counter", "blob_operations_total", {"operation": "put", "status": "ok"}, 3),
    ("counter", "blob_operations_total", {"operation": "put", "status": "error"}, 1),
    *(("counter", "blob_operation_seconds_bucket", {"operation": "put", "le": le}, rate)
      for le, rate in (("0.1", 2), ("1", 4), ("+Inf", 4))),
    ("counter", "logins_total", {"result": "ok", "mfa": "true"}, 3),
    ("counter", "logins_total", {"result": "failed", "mfa": "false"}, 1),
    *(("counter", name, {}, 0.1) for name in (
        "password_resets_total", "rate_limited_total", "blocked_total", "invalid_tokens_total", "cors_total")),
    ("counter", "attacks_total", {"kind": "sql"}, 0.1),
    # Prometheus and its client libraries
    ("gauge", "up", {}, 1),
    ("counter", "process_cpu_seconds_total", {}, 0.5),
    ("gauge", "process_resident_memory_bytes", {}, 1e8),
    ("gauge", "process_open_fds", {}, 100),
    ("gauge", "process_max_fds", {}, 1000),
)  # fmt: skip


def rows_of(*more: tuple[str, str, Series, float], job: str = "j") -> Iterator[tuple[Labels, str, float]]:
    """Every series of two instances of one job, with its shape and its value (or rate)."""
    for instance in ("a:1", "b:1"):
        for shape, name, labels, value in (*ROWS, *more):
            yield Labels({"job": job, "instance": instance, **labels, "__name__": name}), shape, float(value)


class World:
    """Answers for the series of `rows_of`, and for `recorded` ones as they are, over the hours before `NOW_MS`."""

    def __init__(
        self, *more: tuple[str, str, Series, float], recorded: Mapping[Labels, float] | None = None, job: str = "j"
    ) -> None:  # fmt: skip
        self.times = np.arange(NOW_MS - HOURS * 3_600_000, NOW_MS + 1, STEP_MS, dtype=np.int64)
        self.series = {labels: (shape, value) for labels, shape, value in rows_of(*more, job=job)}
        for labels, value in (recorded or {}).items():
            self.series[labels] = ("gauge", value)

    def select(self, selection: Selection) -> Columns:
        """What Prometheus would select."""
        kept = (self.times >= selection.start_ms) & (self.times <= selection.end_ms)
        times = self.times[kept]
        found = []
        for labels, (shape, value) in self.series.items():
            if matches(selection.matchers, labels):
                passed = (times - self.times[0]) / 1000
                found.append((labels, times, passed * value if shape == "counter" else np.full(len(times), value)))
        return Columns.of(found)
