"""Which cluster a run uses, on real Ray: each test is a process of its own, as Ray can be imported one way only."""

import json
import os
import platform
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from hogwild.engines.ray import installed, remote
from hogwild.engines.ray.cluster import joined

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'hogwild[cluster]'"),
]

SOURCE = Path(installed.__file__).resolve().parents[3]
TOKEN, WRONG = "a" * 64, "b" * 64
ON_LOOPBACK = {installed.LOOPBACK_ONLY: "0"}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> None:
    """Not looked for here: each test is a process with a limit of its own."""


class Cluster(NamedTuple):
    """A cluster in another process."""

    address: str
    holder: subprocess.Popen[str]

    def show(self, **metadata: str) -> None:
        """Have it say this of itself to those who want to join."""
        print(json.dumps(metadata), file=self.holder.stdin, flush=True)
        assert self.holder.stdout.readline() == "shown\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def environment(home: Path, given: dict[str, str]) -> dict[str, str]:
    """No setting of Ray's from outside, and nobody's token."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    paths = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    return {**outside, "HOME": str(home), "PYTHONPATH": paths, **given}


def run(home: Path, code: str, *arguments: str, **given: str) -> str:
    """What the program prints, which starts by importing `joined`."""
    code = "from hogwild.engines.ray.cluster import joined\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(home, given),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def refusal(home: Path, arguments: str, *words: str, before: str = "", **given: str) -> str:
    """The error of `joined(...)`, as its type and its one sentence; Ray is not connected after it."""
    code = f"""
    import sys
    {before}
    try:
        with joined({arguments}):
            print("joined")
    except Exception as error:
        print(type(error).__name__, error, sep=": ")
    ray = sys.modules.get("ray")
    assert ray is None or not ray.is_initialized()
    """
    said = run(home, code, *words, **given)
    assert "\n" not in said
    return said


def hold(home: Path, **given: str) -> Iterator[Cluster]:
    program = Path(__file__).with_name("holding.py")
    with subprocess.Popen(
        [sys.executable, str(program)],
        env=environment(home, {**ON_LOOPBACK, **given}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as holder:
        yield Cluster(holder.stdout.readline().strip(), holder)
        holder.stdin.close()
        assert holder.wait(30) == 0


@pytest.fixture(scope="module")
def closed(home: Path) -> Iterator[Cluster]:
    """A cluster that asks for TOKEN."""
    yield from hold(home, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN)


@pytest.fixture(scope="module")
def opened(home: Path) -> Iterator[Cluster]:
    """A cluster that lets in everybody."""
    yield from hold(home, RAY_AUTH_MODE="disabled")


# ---- a cluster of our own

LOOK = """
def look():
    '''This process and those below: id, when it started, where it listens; and the folder.'''
    import os, psutil
    me = psutil.Process()
    found = [me, *me.children(recursive=True)]
    listening = {c.laddr.ip for p in found for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    words = {word for p in found[1:] for word in p.cmdline() if word.startswith("--temp-dir=")}
    (folder,) = {word.partition("=")[2] for word in words}
    return {
        "processes": [[p.pid, p.create_time()] for p in found],
        "listening": sorted(listening),
        "folder": folder,
        "mode": oct(os.stat(os.path.dirname(folder)).st_mode & 0o777),
    }
"""


def nothing_is_left(seen: dict[str, object]) -> None:
    """No process of them runs and no folder is there."""
    for process, _ in seen["processes"]:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert not Path(seen["folder"]).parent.exists()


def test_a_cluster_of_our_own(home):
    """On loopback only, with a token of its own, without dashboard; it stays, grows, and leaves nothing."""
    code = (
        LOOK
        + """
import json, os, subprocess, sys
before = dict(os.environ)
with joined(cpus=2, object_store_bytes=100_000_000) as cluster:
    import ray
    assert cluster.local and cluster.ray is ray
    first = look()
    address = ray.get_runtime_context().gcs_address
    dashboard = ray._private.worker._global_node.webui_url
    from hogwild.engines.ray import probe
    outside = {**before, "RAY_AUTH_TOKEN": "b" * 64}
    asked = subprocess.run([sys.executable, "-P", probe.__file__, address], env=outside, capture_output=True, text=True)
    environment = ray.get(ray.remote(lambda: dict(os.environ)).remote())
    cluster.check_resources({"CPU": 2.0}, {"CPU": 2.0})
    said = []
    for wanted in (({"CPU": 3.0, "GPU": 1.0},), ({"CPU": 2.0}, {"CPU": 2.5})):
        try:
            cluster.check_resources(*wanted)
        except OSError as error:
            said.append(str(error))
for name in set(os.environ) - set(before):
    assert name in {"RAY_CLIENT_MODE", "PYTHONBREAKPOINT"}, name  # those are Ray's own
assert ray.is_initialized()
with joined(cpus=1) as cluster:
    assert cluster.local and ray.get_runtime_context().gcs_address == address
with joined(cpus=3, object_store_bytes=100_000_000) as cluster:
    assert cluster.local and ray.cluster_resources()["CPU"] == 3
    second = look()
print(json.dumps([first, second, dashboard, json.loads(asked.stdout), environment, said]))
"""
    )
    first, second, dashboard, asked, inside, said = json.loads(run(home, code))
    assert set(first["listening"]) <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert len(first["listening"]) > 0
    assert first["mode"] == "0o700"
    assert not dashboard
    assert asked["verdict"] == "refused"
    assert inside["RAY_AUTH_MODE"] == "token"
    assert inside["RAY_USAGE_STATS_ENABLED"] == "0"
    assert said[0] == (
        "the run needs 3 CPU, 1 GPU and the cluster has 2 CPU, 0 GPU: use fewer workers or shards, or give cpus=..."
    )
    assert said[1] == "one actor needs 2.5 CPU on one host, and the hosts have 2 CPU: ask for less for each"
    assert first["folder"] != second["folder"]
    first["processes"].pop(0)
    nothing_is_left(first)
    nothing_is_left(second)
    assert not list(home.iterdir())


# Ray's own start, and then what may come before it is over.
FAILING = """
import json, signal, sys
import ray
seen, init = None, ray.init
def failing(**options):
    global seen
    {happens}
ray.init = failing
try:
    with joined(cpus=1, object_store_bytes=100_000_000):
        print("joined")
except BaseException as error:
    caught = [type(error).__name__, str(error)]
import psutil
assert not ray.is_initialized() and not psutil.Process().children(recursive=True)
print(json.dumps([seen, caught]))
"""


def test_ctrl_c_while_it_starts_leaves_nothing(home):
    happens = "init(**options); seen = look(); signal.raise_signal(signal.SIGINT)"
    seen, caught = json.loads(run(home, LOOK + FAILING.format(happens=happens), **ON_LOOPBACK))
    assert caught == ["KeyboardInterrupt", ""]
    nothing_is_left(seen)


def test_an_error_while_it_starts_is_one_sentence(home):
    happens = "seen = {'processes': [], 'folder': options['_temp_dir']}; raise OSError('no\\n room')"
    seen, caught = json.loads(run(home, LOOK + FAILING.format(happens=happens), **ON_LOOPBACK))
    said = f"Ray {remote.version('ray')} could not start a cluster on this machine: no room"
    assert caught == ["ClusterError", said]
    nothing_is_left(seen)


def test_ray_that_was_imported_to_listen_everywhere_is_refused(home):
    said = refusal(home, "", before="import ray")
    assert said.startswith("ClusterError: Ray was imported before hogwild could tell it to listen on this machine only")
    assert "set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0" in said


def test_numbers_that_cannot_be(home):
    assert refusal(home, "cpus=0") == "ValueError: cpus=0 must be a whole number of at least 1"
    said = refusal(home, "object_store_bytes=1000")
    assert said == "ValueError: object_store_bytes=1000 must be a whole number of at least 78643200"


# ---- the cluster that this process is connected to


def test_the_cluster_of_this_process_is_used_and_kept(home, closed):
    code = """
    import sys
    import ray
    ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
    for address in (None, "auto", sys.argv[1]):
        with joined(address) as cluster:
            assert cluster.ray is ray and not cluster.local
    assert ray.is_initialized()
    try:
        with joined("127.0.0.1:1"):
            print("joined")
    except OSError as error:
        print(error)
    """
    given = {**ON_LOOPBACK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    assert run(home, code, closed.address, **given) == (
        "address='127.0.0.1:1' is not the cluster that this process is connected to, at "
        f"{closed.address}: call ray.shutdown() first, or give no address"
    )


# ---- a cluster of others

JOIN = """
import os, sys
with joined(sys.argv[1] if len(sys.argv) > 1 else None) as cluster:
    assert not cluster.local
    with joined() as same:
        assert same.ray is cluster.ray and not same.local
    assert cluster.ray.is_initialized()
    print(cluster.ray.get_runtime_context().gcs_address)
assert not cluster.ray.is_initialized()
assert "RAY_AUTH_MODE" not in os.environ
"""


def test_a_cluster_is_joined_with_its_token_and_left(home, closed):
    assert run(home, JOIN, closed.address, RAY_AUTH_TOKEN=TOKEN) == closed.address
    assert run(home, JOIN, RAY_ADDRESS=closed.address, RAY_AUTH_TOKEN=TOKEN) == closed.address


def test_no_token_and_a_wrong_one(home, closed):
    said = refusal(home, "sys.argv[1]", closed.address)
    assert said.startswith(f"ConnectionError: the cluster at {closed.address} asks for a token and there is none here")
    said = refusal(home, "sys.argv[1]", closed.address, RAY_AUTH_TOKEN=WRONG)
    assert said.startswith(
        f"ConnectionError: the cluster at {closed.address} does not accept the token of this process"
    )


def test_a_cluster_that_lets_in_everybody_needs_a_word(home, opened):
    said = refusal(home, "sys.argv[1]", opened.address, RAY_AUTH_TOKEN=TOKEN)
    assert said.startswith(f"ValueError: the cluster at {opened.address} lets in everybody who reaches it")
    assert "unauthenticated=True" in said
    assert refusal(home, "sys.argv[1], unauthenticated=True", opened.address) == "joined"


def test_versions_that_differ_are_both_named(home, opened):
    ray, python = remote.version("ray"), platform.python_version()
    for theirs in (
        {"ray_version": "2.51.0", "python_version": python},
        {"ray_version": ray, "python_version": "3.1.4"},
    ):
        opened.show(**theirs)
        assert refusal(home, "sys.argv[1], unauthenticated=True", opened.address) == (
            f"ClusterError: the cluster at {opened.address} has Ray {theirs['ray_version']} on Python "
            f"{theirs['python_version']}, and this process Ray {ray} on Python {python}: they must be the same"
        )
    opened.show(ray_version=ray, python_version=python)


def test_a_process_that_uses_more_than_loopback_does_not_join_a_cluster_there(home, closed):
    said = refusal(home, "sys.argv[1]", closed.address, before="import ray", RAY_AUTH_TOKEN=TOKEN)
    assert said.startswith(f"ClusterError: the cluster at {closed.address} listens on only 127.0.0.1")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no.such.host.invalid:6379"])
def test_nobody_at_the_address(address):
    with pytest.raises(ConnectionError, match=f"there is no Ray cluster at {address}: start it"), joined(address):
        pass


def test_the_client_needs_its_extra(home, closed):
    address = f"ray://{closed.address}"
    hidden = home / "hidden"  # TensorBoard brings what the client needs
    hidden.mkdir()
    (hidden / "grpc.py").write_text("raise ModuleNotFoundError", encoding="utf-8")
    said = refusal(home, "sys.argv[1]", address, PYTHONPATH=str(hidden))
    assert said == f"ImportError: {address} needs Ray's client: pip install 'ray[client]'"


@pytest.mark.parametrize("address", ["", "host", "host:", "http://host:1", "host:1:2", "tcp:x", "a b:1"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match=r"^address='.*' must be 'auto', 'local', 'host:port'"), joined(address):
        pass


def test_an_address_is_a_string():
    with pytest.raises(TypeError, match=r"address=6379 must be a string such as 'host:port', or None"), joined(6379):
        pass


# ---- the Ray that is installed


def test_ray_is_missing(monkeypatch):
    def version(name: str) -> str:
        raise installed.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installed.metadata, "version", version)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hogwild\[cluster\]'"), joined("127.0.0.1:1"):
        pass


@pytest.mark.parametrize("version", ["2.51.9", "1.13.0", "strange"])
def test_an_old_ray_is_refused(version):
    with pytest.raises(ImportError, match=rf"hogwild needs Ray 2\.52 or newer, .* and Ray {version} is installed"):
        installed.check_version(version)


@pytest.mark.parametrize("version", ["2.52.0", "2.60.0", "3.0.0.dev0", "10.0"])
def test_newer_ones_are_not(version):
    installed.check_version(version)


def test_a_ray_that_lacks_what_is_used_is_refused():
    with pytest.raises(ImportError, match=r"Ray 2\.99\.0 has no json\.nothing, which hogwild needs"):
        installed.check_inside("2.99.0", {"json": ("dumps", "nothing")})
    with pytest.raises(ImportError, match=r"Ray 2\.99\.0 has no json\.gone\.any, which hogwild needs"):
        installed.check_inside("2.99.0", {"json.gone": ("any",)})


def test_a_run_that_needs_no_ray_does_not_import_it(home):
    assert run(home, "import sys; print('ray' in sys.modules)") == "False"
