# Sourced by the entry points beside it: makes the Python environment that requirements.lock pins, once,
# in the cache, and leaves its interpreter in $python. Nothing is written into the checkout.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${INFERENCEPOOL_ROLLOUT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/inferencepool-rollout}"

die() {
    echo "$(basename "$0"): $1" >&2
    exit 1
}

command -v python3 >/dev/null || die "python3 is not on PATH; install Python 3.11 or newer"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$(python3 --version) is too old; put Python 3.11 or newer first on PATH"

lock_sum="$(cat "$root/requirements.lock" <(python3 -VV) | cksum | cut -d' ' -f1)"
venv="$cache/venv/$lock_sum"
python="$venv/bin/python"

if [ ! -e "$venv/.complete" ]; then
    echo "setting up the Python environment (once, usually under a minute)" >&2
    mkdir -p "$cache/venv"
    rm -rf "$venv"
    python3 -m venv "$venv" ||
        die "python3 -m venv failed; install the package python3-venv (Debian) or a full Python"
    "$python" -m pip install --quiet --require-hashes --requirement "$root/requirements.lock" ||
        die "pip could not install requirements.lock (above); check that PyPI is reached, then start again"
    touch "$venv/.complete"
fi

export PYTHONPATH="$root/scripts${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPYCACHEPREFIX="$cache/pycache"
unset PYTHONDONTWRITEBYTECODE # nothing of it lands in the checkout, and without it every start takes seconds
