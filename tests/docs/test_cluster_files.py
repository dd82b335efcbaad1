"""The files that users copy to come by a cluster: what Ray reads, Ray checks; what a shell reads, a shell."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from hogwild.cli import main

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "cluster"
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
COMMAND = re.compile(r"hogwild train (?:[^\n\\]|\\\n|\n {4,}(?=--))+")


def read(name):
    import yaml  # Ray brings it

    return yaml.safe_load((FOLDER / name).read_text())


@needs_ray
def test_ray_takes_the_file_for_machines_with_ssh():
    """In a process of its own: importing Ray fixes what it listens on."""
    code = f"""
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
config = prepare_config(yaml.safe_load(open({str(FOLDER / "vms.yaml")!r})))
validate_config(config)
try:
    validate_config({{**config, "head_start_ray_commands": "ray start"}})
except Exception as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "ValidationError\n", done.stderr
    config = read("vms.yaml")
    assert config["max_workers"] == config["min_workers"] == len(config["provider"]["worker_ips"])
    for start in config["head_start_ray_commands"] + config["worker_start_ray_commands"]:
        assert "RAY_AUTH_MODE=token ray start" in start
        subprocess.run(["bash", "-n", "-c", start], check=True)


@needs_ray
def test_the_file_for_kubernetes_asks_for_a_token_and_runs_one_image():
    job = read("kuberay.yaml")
    spec = job["spec"]["rayClusterSpec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    images = {each["image"] for group in groups for each in group["template"]["spec"]["containers"]}
    assert spec["authOptions"] == {"mode": "token"}
    assert len(images) == 1
    cores = sum(
        int(group["replicas"]) * int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
        for group in spec["workerGroupSpecs"]
    )
    words = shlex.split(job["spec"]["entrypoint"])
    assert int(words[words.index("--workers") + 1]) <= cores


def test_the_file_for_slurm_is_a_script_of_bash():
    subprocess.run(["bash", "-n", FOLDER / "slurm.sh"], check=True)


@pytest.mark.parametrize("name", ["slurm.sh", "kuberay.yaml"])
def test_the_commands_are_ones_that_there_are(name):
    text = (FOLDER / name).read_text()
    words = COMMAND.search(text)[0].replace("\\\n", " ").replace("$((SLURM_JOB_NUM_NODES * 8))", "32").split()
    with click.Context(main) as parent:
        train = main.get_command(parent, "train")
        context = train.make_context("train", [word.strip('"') for word in words[2:]], parent=parent)
    assert context.params["engine"] == "ray"
    assert context.params["workers"] >= 16
