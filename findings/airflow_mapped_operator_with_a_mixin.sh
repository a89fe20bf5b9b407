#!/usr/bin/env bash
# From Airflow 3.3.2 on, a mapped operator has no inlets, so that its tasks fail, if a mixin stands before BaseOperator.
#
# Guess: the order of the bases makes no difference, because the mixin has no __init__, and neither has the class itself.
# Seen: 3.3.0 gives the mapped operator "inlets" and "outlets" of []. 3.3.2 gives it None for
# "class Base(Mixin, BaseOperator)", and [] for "class Base(BaseOperator, Mixin)". A task that is not mapped has [] in all
# cases. With None, each task fails when its context is made: TypeError: 'NoneType' object is not iterable.
# Reason: the metaclass wraps __init__ for a class whose first parent has another __init__, which is that of object for a
# mixin. 3.3.2 takes the defaults of each wrapped __init__, here those of BaseOperator itself, which are None.
# Versions: apache-airflow-core 3.3.0 and 3.3.2, apache-airflow-task-sdk 1.3.0 and 1.3.2, Python 3.11 on Linux.
# It matters to a provider: mixins go last, and only a mapped task shows it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/mapped.py" <<'PYTHON'
from importlib.metadata import version

from airflow.sdk import DAG, BaseOperator


class Mixin:
    pass


class MixinFirst(Mixin, BaseOperator):
    pass


class MixinLast(BaseOperator, Mixin):
    pass


def inlets(base):
    class Named(base):
        def __init__(self, *, name, **kwargs):
            super().__init__(**kwargs)
            self.name = name

    with DAG("named", schedule=None):
        single = Named(task_id="single", name="a")
        mapped = Named.partial(task_id="mapped").expand(name=["a"])
    return f"{base.__name__} single {single.inlets} mapped {mapped.inlets}"


print("task-sdk", version("apache-airflow-task-sdk"), *map(inlets, (MixinFirst, MixinLast)), sep=", ")
PYTHON
seen=$(
    for core in 3.3.0 3.3.2; do
        python3 -m venv "$folder/$core"
        "$folder/$core/bin/python" -m pip --disable-pip-version-check --quiet install \
            "apache-airflow-core==$core" "apache-airflow-task-sdk==1.${core#3.}"
        AIRFLOW_HOME="$folder/home-$core" "$folder/$core/bin/python" -W ignore "$folder/mapped.py" 2>/dev/null
    done
)
expected='task-sdk, 1.3.0, MixinFirst single [] mapped [], MixinLast single [] mapped []
task-sdk, 1.3.2, MixinFirst single [] mapped None, MixinLast single [] mapped []'
echo "$seen"
[ "$seen" = "$expected" ] || {
    echo "This has changed." >&2
    exit 1
}
