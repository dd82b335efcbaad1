"""Clusters as files: TOML, with the names of `Cluster`'s fields."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from hogwild.data.atomic import saving
from hogwild.engines import Fault, Link, Speeds
from hogwild.limits import is_number, is_whole
from hogwild.names import find_name, wrong_type
from hogwild.quantities import WANTED_BANDWIDTH, bytes_per_second
from hogwild.simulation.cluster import PRESETS, Cluster

PLAIN = ("latency_s", "bandwidth_bytes_s", "example_s", "judge_s", "shards", "price_per_hour")
KEYS = ("preset", *PLAIN, "speeds", "links", "faults")


def find_cluster(given: Cluster | str | os.PathLike[str]) -> Cluster:
    """A `Cluster`, the name of a preset, or that of a file that describes one. Raises what `read_cluster` raises, and
    ValueError for a name that is neither.
    """
    if isinstance(given, Cluster):
        return given
    if not isinstance(given, str | os.PathLike):
        raise wrong_type("cluster", given, f"a Cluster, one of {', '.join(PRESETS)}, or the name of a .toml file")
    if str(given) in PRESETS:
        return PRESETS[str(given)]
    if is_cluster_file(given):
        return read_cluster(given)
    return PRESETS[find_name("cluster", str(given), PRESETS, ", or the name of a .toml file")]


def is_cluster_file(name: str | os.PathLike[str]) -> bool:
    """Is it the name of a file, and of no preset?"""
    return str(name) not in PRESETS and (Path(name).suffix == ".toml" or Path(name).exists())


def read_cluster(path: str | os.PathLike[str]) -> Cluster:
    """What the file says; the rest as in its `preset`, or as in lan10g. For example:

        preset = "cloud"
        example_s = 2e-6
        bandwidth_bytes_s = "10Gbit"
        shards = 4
        price_per_hour = 0.34
        [speeds]
        straggle = 0.01
        [[links]]
        worker = 3
        latency_s = 0.02
        [[faults]]
        kind = "kill"
        worker = 2
        at_s = 1.5

    OSError if it cannot be read; ValueError, with its name and what is wrong, for what describes no cluster.
    """
    try:
        with open(path, "rb") as file:
            stored = tomllib.load(file)
        return _cluster(stored)
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def write_cluster(path: str | os.PathLike[str], cluster: Cluster, note: str = "") -> None:
    """The plain numbers of a cluster, below a note; whole or not at all. OSError if it cannot be written, ValueError
    for one with speeds, links or faults of its own.
    """
    plain = {name: getattr(cluster, name) for name in PLAIN if getattr(cluster, name) is not None}
    if Cluster(**plain) != cluster:
        raise ValueError("only the plain numbers of a cluster can be written: this one has speeds, links or faults")
    lines = [f"# {''.join(sign if sign.isprintable() else '?' for sign in line)}" for line in note.splitlines()]
    lines += [f"{name} = {_spelled(value)}" for name, value in plain.items()]
    with saving(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _spelled(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(int(value) if is_whole(value) else float(value))


def _cluster(stored: Mapping[str, Any]) -> Cluster:
    _check_keys("", stored, KEYS)
    base = PRESETS[find_name("preset", stored.get("preset", "lan10g"), PRESETS)]
    given = {name: stored[name] for name in PLAIN if name in stored}
    if "bandwidth_bytes_s" in given:
        given["bandwidth_bytes_s"] = _bandwidth(given["bandwidth_bytes_s"])
    if "speeds" in stored:
        names = [field.name for field in fields(Speeds)]
        given["speeds"] = replace(base.speeds, **_table("speeds", stored["speeds"], names))
    if "links" in stored:
        links = [_link(each) for each in _tables("links", stored["links"])]
        given["links"] = dict(links)
        if len(given["links"]) < len(links):
            raise ValueError("[[links]] has a machine twice")
    if "faults" in stored:
        given["faults"] = tuple(_fault(each) for each in _tables("faults", stored["faults"]))
    return replace(base, **given)


def _check_keys(where: str, given: Mapping[str, Any], known: tuple[str, ...] | list[str]) -> None:
    for key in given:
        found = find_name(f"{where}key", key, known)
        if found != key:
            raise ValueError(f"{where}key={key!r} must be spelled {found}")


def _table(name: str, given: Any, known: tuple[str, ...] | list[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{name} must be a table: [{name}], with {', '.join(known)}")
    _check_keys(f"[{name}] ", given, known)
    return given


def _tables(name: str, given: Any) -> list[Mapping[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise ValueError(f"{name} must be tables: [[{name}]], once for each")
    return given


def _link(given: Mapping[str, Any]) -> tuple[tuple[str, int], Link]:
    _table("[links]", given, ["worker", "shard", "latency_s", "bandwidth_bytes_s"])
    hosts = [(kind, given[kind]) for kind in ("worker", "shard") if kind in given]
    if len(hosts) != 1 or isinstance(hosts[0][1], bool) or not isinstance(hosts[0][1], int) or hosts[0][1] < 0:
        raise ValueError("[[links]] wants the machine: either worker = 3 or shard = 0")
    if len(given) < len(("worker", "latency_s")):
        raise ValueError("[[links]] wants what is different there: latency_s, bandwidth_bytes_s, or both")
    bandwidth = given.get("bandwidth_bytes_s")
    return hosts[0], Link(given.get("latency_s"), None if bandwidth is None else _bandwidth(bandwidth))


def _fault(given: Mapping[str, Any]) -> Fault:
    makers = {name: getattr(Fault, name) for name in Fault.kinds()}
    kind = find_name("[[faults]] kind", given.get("kind"), makers)
    arguments = {key: _untied(value) for key, value in given.items() if key != "kind"}
    try:
        made: Fault = makers[kind](**arguments)
    except TypeError as error:
        what = re.sub(r"^.*\(\) ", "", str(error))
        raise ValueError(f'[[faults]] kind = "{kind}": {what}') from error
    return made


def _untied(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _bandwidth(given: Any) -> float:
    if isinstance(given, str):
        found = bytes_per_second(given)
        if found is not None:
            return found
    elif is_number(given) and not math.isnan(given):
        return float(given)
    raise ValueError(f"bandwidth_bytes_s={given!r} is not {WANTED_BANDWIDTH}")
