#!/usr/bin/env bash
# Builds the wheel, installs it into a fresh environment outside the checkout, and runs the tests
# there. `make install` comes first: the environment takes the dependencies from .venv, and only
# onestroke itself from the wheel, so that a repeated run installs nothing else.
#
#   tools/test_wheel.sh [pytest's arguments]
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
installed="$checkout/.venv/bin/python"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

rm -rf "$checkout/build/lib"  # setuptools would pack modules that were removed since
"$installed" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
  --wheel-dir "$place" "$checkout"

"$installed" -m venv --without-pip "$place/environment"
python="$place/environment/bin/python"
site_packages='import sysconfig; print(sysconfig.get_path("purelib"))'
# Paths in a .pth file are searched last, and the .pth files there, as that of the editable
# install, are not read.
"$installed" -c "$site_packages" >"$("$python" -c "$site_packages")/dependencies.pth"
"$installed" -m pip --python "$python" install --quiet --disable-pip-version-check --no-deps \
  --ignore-installed "$place"/onestroke-*.whl
"$installed" -m pip --python "$python" check

cd "$place"  # which `python -m` puts first on sys.path
case $("$python" -c 'import onestroke; print(onestroke.__file__)') in
  "$place"/*) ;;
  *) echo "the tests would not import onestroke from the wheel" >&2 && exit 1 ;;
esac
# sys.monitoring, new in Python 3.12, costs less than a trace function.
COVERAGE_CORE=$("$python" -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")')
export COVERAGE_CORE COVERAGE_FILE="$place/coverage"
"$python" -m pytest -c "$checkout/pyproject.toml" --rootdir "$checkout" "$checkout/tests" \
  --numprocesses auto --maxprocesses 4 --dist worksteal --cov --cov-report= "$@"
# TensorFlow traces generated files that are gone by now; without --ignore-errors they end the report.
echo "coverage: $("$python" -m coverage report --ignore-errors --format=total 2>/dev/null) %"
