"""The command line. Only click is imported here, and what is as light; a command imports the rest when it runs."""

from __future__ import annotations

import click

from hogwild import __version__
from hogwild.cli.compare import compare_command
from hogwild.cli.demo import demo_command
from hogwild.cli.evaluate import evaluate_command
from hogwild.cli.info import info_command
from hogwild.cli.predict import predict_command
from hogwild.cli.recommend import recommend_command
from hogwild.cli.simulate import simulate_command
from hogwild.cli.train import train_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hogwild")
def main() -> None:
    """Train linear models (SVM, logistic and other regression) and matrix factorizations by parallel SGD: lock-free
    on all cores by default, or by all-reduce, local SGD, Downpour and other strategies, on threads or on a cluster.

    Data are svmlight/libsvm files, plain or .gz, .bz2, .xz, or .npz archives; '-' is standard input. Ratings are
    .csv, .tsv or .zip files. Models are safetensors files.

    \b
    Examples:
      hogwild train train.svm.xz --loss logistic --out model.safetensors
      hogwild evaluate model.safetensors test.svm.xz
      hogwild predict model.safetensors new.svm > predictions.txt
      hogwild info train.svm.xz
      hogwild compare train.svm.xz --budget 60s
      hogwild simulate train.svm.xz --cluster cloud
      hogwild recommend films.safetensors --user 42
      hogwild demo

    Exit codes: 0 done, 1 bad data, model or run, 2 wrong usage, 130 Ctrl-C.
    """


main.add_command(train_command)
main.add_command(predict_command)
main.add_command(evaluate_command)
main.add_command(info_command)
main.add_command(recommend_command)
main.add_command(compare_command)
main.add_command(simulate_command)
main.add_command(demo_command)
