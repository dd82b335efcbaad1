#!/bin/bash
# A Ray cluster for one job on the nodes that Slurm gives: sbatch slurm.sh
#SBATCH --job-name=hogwild
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=02:00:00
set -euo pipefail

source "$HOME/hogwild-env/bin/activate" # on a file system that all nodes see

# A token of this job alone, without which nobody is let in: not even other users of these nodes.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$first" hostname --ip-address | cut -d ' ' -f 1)

# Starts Ray on all nodes, runs what follows "--" on the first, and ends Ray.
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \
    ray symmetric-run --address "$address:6379" --min-nodes "$SLURM_JOB_NUM_NODES" --num-cpus="$SLURM_CPUS_ON_NODE" -- \
    hogwild train "$HOME/data/train.svm" --out "$HOME/data/model.hogwild" \
    --engine ray --address auto --workers $((SLURM_JOB_NUM_NODES * 8)) --strategy local-sgd
