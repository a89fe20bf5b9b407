#!/usr/bin/env bash
# Airflow 2.11.2 and 3.0.6 say "Requires-Python: !=3.13", and pip installs them on Python 3.13.5 and 3.14.2.
#
# Guess: "!=3.13" keeps pip from installing them on any Python 3.13, as "<3.13" of 2.11.0 and 3.0.0 did.
# Seen: in a version specifier, 3.13 is the version 3.13.0 and not the series. So pip refuses 3.13.0 alone and takes
# 3.13.5; and 3.14.2, which the specifier does not mention at all in 3.0.6, and as "!=3.14" in 2.11.2. An upgrade within
# the series, from 3.0.0 to 3.0.6 or from 2.11.0 to 2.11.2, lifts the bound.
# Versions: pip 26.2, apache-airflow 2.11.0 and 2.11.2, apache-airflow-core 3.0.0 and 3.0.6, on Linux.
# It matters to a provider: the newest Python that an Airflow supports cannot be read from its metadata.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install pip==26.2

seen=$(
    for package in apache-airflow==2.11.0 apache-airflow==2.11.2 apache-airflow-core==3.0.0 apache-airflow-core==3.0.6; do
        line=$package
        for python in 3.12.5 3.13.0 3.13.5 3.14.2; do
            answer=refused
            "${pip[@]}" download --no-deps --only-binary :all: --python-version "$python" --dest "$folder" "$package" \
                >/dev/null 2>&1 && answer=taken
            line+=" $python:$answer"
        done
        echo "$line"
    done
)
expected='apache-airflow==2.11.0 3.12.5:taken 3.13.0:refused 3.13.5:refused 3.14.2:refused
apache-airflow==2.11.2 3.12.5:taken 3.13.0:refused 3.13.5:taken 3.14.2:taken
apache-airflow-core==3.0.0 3.12.5:taken 3.13.0:refused 3.13.5:refused 3.14.2:refused
apache-airflow-core==3.0.6 3.12.5:taken 3.13.0:refused 3.13.5:taken 3.14.2:taken'
"${pip[@]}" --version | cut -d " " -f 1,2
echo "$seen"
[ "$seen" = "$expected" ] || {
    echo "This has changed." >&2
    exit 1
}
