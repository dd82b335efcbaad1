"""One epoch on one thread against SGDClassifier's."""

from __future__ import annotations

from benchmarks.contenders import fit_hogwild, fit_sgd, warm_up
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import interleaved, ms, per_epoch_s

MORE = 10  # epochs beyond the first
LEAST_RATIO = 5.5
OURS, THEIRS, UNSHUFFLED = "hogwild", "SGDClassifier", "SGDClassifier(shuffle=False)"


def epoch(setting: Setting) -> Outcome:
    """Seconds an epoch of hogwild and of SGDClassifier, with and without its shuffle."""
    data, l2 = setting.corpus(), setting.l2
    warm_up(setting, [1])
    times = interleaved(
        {
            OURS: lambda seed: per_epoch_s(lambda k: fit_hogwild(data, l2, threads=1, epochs=k, seed=seed), MORE),
            THEIRS: lambda seed: per_epoch_s(lambda k: fit_sgd(data, l2, epochs=k, seed=seed), MORE),
            UNSHUFFLED: lambda seed: per_epoch_s(lambda k: fit_sgd(data, l2, shuffle=False, epochs=k, seed=seed), MORE),
        },
        setting.repeats,
    )
    outcome = Outcome(
        "one epoch on one thread",
        f"The same float32 CSR for all. An epoch costs (time of {MORE + 1} epochs - time of 1) / {MORE}, so that "
        "preparation falls out. hogwild visits blocks of consecutive rows in a fresh random order each epoch; "
        "SGDClassifier by default shuffles single rows.",
        ("contender", "ms per epoch", "ns per nonzero", "times hogwild's"),
    )
    for name, spread in times.items():
        ns = f"{spread.median / data.nnz * 1e9:.2f}"
        outcome.rows.append((name, ms(spread), ns, spread.over(times[OURS]).text(2, unit=" x")))
        outcome.figures[name, "s"] = spread.median
    ratio = times[THEIRS].over(times[OURS]).median
    reached = setting.judged(ratio >= LEAST_RATIO)
    outcome.goals.append(Goal(f"at least {LEAST_RATIO} x as fast as SGDClassifier's epoch", f"{ratio:.2f} x", reached))
    return outcome
