"""What else does ingest's work on this machine, under the same load: Node-RED with its InfluxDB nodes."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dayuan.bench.influxd import free_port, influxd
from dayuan.bench.ingest.run import PUBLISHERS, broker, drive, loads
from dayuan.bench.process import cpu_seconds, memory_mb
from dayuan.child import bound
from schema.errors import Stop
from store.series.influx_http import Http
from store.series.influx_settings import InfluxSettings

_START = 60.0
_PATIENCE = 10.0
_BATCH = """\
var kept = context.get("kept") || [];
if (!msg.tick) {
  var place = msg.topic.split("/"), records = JSON.parse(msg.payload), base = records[0].bt;
  for (var record of records) {
    kept.push({
      measurement: place[3],
      tags: { site: place[1], building: place[2], device: place[4] },
      fields: { [record.n]: record.v },
      timestamp: new Date(Math.round((base + (record.t || 0)) * 1000)),
    });
  }
}
if (kept.length >= 5000 || (msg.tick && kept.length)) {
  context.set("kept", []);
  return { payload: kept };
}
context.set("kept", kept);
return null;
"""


def find_node_red(place: Path | None = None) -> Path | None:
    """Node-RED with its InfluxDB nodes: in a folder that is named, else where `scripts/setup rivals` puts it."""
    modules = (place or Path(__file__).parents[3] / ".tools/rivals") / "node_modules"
    there = (modules / "node-red/red.js").exists() and (modules / "node-red-contrib-influxdb").is_dir()
    return modules if there and shutil.which("node") else None


def node_red(modules: Path, per: int, seconds: float) -> dict[str, Any]:
    """Node-RED from the same broker into an InfluxDB, through a function that batches; it acknowledges on receipt."""
    with tempfile.TemporaryDirectory(prefix="dayuan-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        port = stack.enter_context(broker(folder / "broker")).port
        server = stack.enter_context(influxd(folder / "influx"))
        http = Http(InfluxSettings.of(server.url))
        stack.callback(http.close)
        http.query("CREATE DATABASE bench")
        home = folder / "node-red"
        home.mkdir()
        (home / "node_modules").symlink_to(modules)
        (home / "package.json").write_text('{"name":"rival","dependencies":{"node-red-contrib-influxdb":"*"}}')
        (home / "settings.js").write_text("module.exports = {flowFile: 'flows.json', diagnostics: {enabled: false}}")
        (home / "flows.json").write_text(json.dumps(_flow(port, InfluxSettings.of(server.url).address)))
        log = home / "log"
        command = [shutil.which("node") or "node", str(modules / "node-red/red.js")]
        command += ["--userDir", str(home), "--port", str(free_port())]
        with log.open("wb") as output:
            process = subprocess.Popen(bound(*command), stdout=output, stderr=output, cwd=home)  # noqa: S603
        stack.callback(process.wait)
        stack.callback(process.kill)
        _until(lambda: "Connected to broker" in log.read_text(errors="replace"), _START, log)
        before = cpu_seconds(process.pid)
        # It tells nobody what it has stored, so the publishers wait for nobody.
        made = [load._replace(window=0) for load in loads(port, per, seconds)]
        sent = drive(made)
        begin, expected = min(part.first for part in sent), sum(part.messages for part in sent) * per
        stored, last = _count(http), time.monotonic()
        while stored < expected and time.monotonic() - last < _PATIENCE:
            time.sleep(0.2)
            if (now := _count(http)) > stored:
                stored, last = now, time.monotonic()
        cpu = cpu_seconds(process.pid) - before
        return {
            "rival": "node-red",
            "store": "influxdb",
            "readings_per_message": per,
            "messages": expected // per,
            "messages_per_s": round(stored / per / (last - begin)),
            "readings_per_s": round(stored / (last - begin)),
            "cpu_s": round(cpu, 2),
            "messages_per_cpu_s": round(stored / per / cpu),
            "peak_rss_mb": round(memory_mb(process.pid, "VmHWM")),
            "lost": expected - stored,
            "publishers": PUBLISHERS,
        }


def _until(ready: Callable[[], bool], patience: float, log: Path) -> None:
    end = time.monotonic() + patience
    while not ready():
        if time.monotonic() > end:
            raise Stop(f"Node-RED did not start: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.1)


def _count(http: Http) -> int:
    (result,) = http.query('SELECT count(*) FROM "electricity_meter"')
    return sum(int(count) for table in result.series for count in table.values[0][1:])


def _flow(broker_port: int, influx: str) -> list[dict[str, Any]]:
    host, _, port = influx.removeprefix("http://").partition(":")
    return [
        {"id": "flow", "type": "tab", "label": "bench"},
        {
            "id": "broker",
            "type": "mqtt-broker",
            "broker": "127.0.0.1",
            "port": broker_port,
            "clientid": "rival",
            "autoConnect": True,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": True,
        },
        {
            "id": "store",
            "type": "influxdb",
            "hostname": host,
            "port": port,
            "protocol": "http",
            "database": "bench",
            "influxdbVersion": "1.x",
        },
        {
            "id": "in",
            "type": "mqtt in",
            "z": "flow",
            "topic": "bench/+/+/+/+/readings",
            "qos": "1",
            "datatype": "utf8",
            "broker": "broker",
            "wires": [["batch"]],
        },
        {
            "id": "tick",
            "type": "inject",
            "z": "flow",
            "repeat": "0.1",
            "props": [{"p": "tick", "v": "1", "vt": "num"}],
            "wires": [["batch"]],
        },
        {"id": "batch", "type": "function", "z": "flow", "func": _BATCH, "outputs": 1, "wires": [["out"]]},
        {"id": "out", "type": "influxdb batch", "z": "flow", "influxdb": "store", "precision": "ms", "wires": []},
    ]
