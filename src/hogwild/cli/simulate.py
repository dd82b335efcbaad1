"""`hogwild simulate`: what a cluster would do that one has not rented yet."""

from __future__ import annotations

from typing import Any

import click

from hogwild.cli.contests import contest_options
from hogwild.cli.parallel import cluster_options
from hogwild.cli.quantities import POSITIVE
from hogwild.cli.sections import SectionedCommand
from hogwild.cli.talking import plain_errors

USUAL = "local-sgd,downpour,all-reduce(minibatch=100)"
WORKERS = "1,2,4,8,16,32,64"


@click.command("simulate", cls=SectionedCommand, short_help="How strategies scale on a cluster that is not there.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--cluster",
    default="lan10g",
    show_default=True,
    metavar="NAME|FILE",
    help="Machines and network: lan10g, cloud, wan, or a .toml file that describes them.",
)
@click.option(
    "--workers", default=WORKERS, show_default=True, metavar="N,...", help="How many machines learn: each of these."
)
@click.option("--price", type=POSITIVE, metavar="X", help="Of a machine per hour, in any currency.")
@click.option(
    "--target",
    type=POSITIVE,
    default=0.01,
    show_default=True,
    metavar="X",
    help="Times count until the objective is so near to the lowest, as a share of the way to it.",
)
@click.option("--weak", is_flag=True, help="Also with data that grow with the cluster.")
@click.option(
    "--calibrate",
    metavar="FILE",
    help="Do no more than write what this machine, or a Ray cluster, is like to a .toml file, for --cluster.",
)
@click.option(
    "--probe",
    type=click.Choice(["core", "ray"]),
    default="core",
    show_default=True,
    help="What --calibrate looks at: a core of this machine, or Ray.",
)
@click.option(
    "--ray-workers", type=click.IntRange(min=2), default=2, show_default=True, metavar="N", help="Of --probe ray."
)
@click.option("--address", metavar="ADDRESS", help="Of --probe ray: auto, HOST:PORT or ray://HOST:PORT.")
@contest_options(strategies=USUAL, seeds=1, out="hogwild-simulate", kept="simulation.json")
@cluster_options
@plain_errors
@click.pass_context
def simulate_command(ctx: click.Context, /, **options: Any) -> None:
    """Learn your data on paper: on clusters of growing size, with the network and the machines that you describe.

    What is learned is real; the time that it would take is computed. A table is printed, and DIR/index.html shows how
    much faster more machines are, what they cost, and how many are worth it. A file that describes a cluster has the
    keys that it wants to change:

    \b
      preset = "cloud"
      example_s = 2e-6                # seconds to learn an example; or "measured", here
      latency_s = 1e-4
      bandwidth_bytes_s = "10Gbit"
      shards = 4                      # machines of a parameter server
      price_per_hour = 0.34
      [speeds]                        # spread, jitter, straggle, straggle_factor
      straggle = 0.01
      [[faults]]                      # kill, slow, partition, lose, duplicate, reorder, join, leave
      kind = "kill"
      worker = 3
      at_s = 1.5

    \b
    Examples:
      hogwild simulate train.svm.xz --cluster cloud --price 0.2
      hogwild simulate train.svm.xz --strategies "downpour,gossip,all-reduce(minibatch=100, eta0=4)" --workers 1,10,100
      hogwild simulate train.svm.xz --calibrate mine.toml --probe ray
      hogwild simulate train.svm.xz --cluster mine.toml --latency 1e-3
    """
    from hogwild.cli.simulating import run

    given = {
        parameter.opts[0]
        for parameter in ctx.command.get_params(ctx)
        if isinstance(parameter, click.Option)
        and ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    }
    run(options, given)
