"""Find secrets in the frames of an error, as error trackers, debuggers and consoles do."""

from __future__ import annotations

import logging
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_TESTS: Final = str(Path(__file__).parents[1])
_SAMPLES: Final = str(Path(__file__).parents[1] / "samples")
# Every logger leads to handlers and filters. Airflow's own filter has all secrets, which it masks, and the handler of
# pytest keeps the lines of a test.
_LOGS: Final = (logging.Handler, logging.Filter)
_MOST_OBJECTS: Final = 300_000
_PLAIN: Final = (int, float, complex, type(None), type, types.ModuleType, types.BuiltinFunctionType, *_LOGS)


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors behind it, also those that a traceback does not print."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += filter(None, (each.__cause__, each.__context__))


def frames(error: BaseException) -> Iterator[types.FrameType]:
    """Yield all frames of an error and of the errors behind it, except those of the tests."""
    for each in chain(error):
        traceback = each.__traceback__
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if file.startswith(_SAMPLES) or not file.startswith(_TESTS):
                yield traceback.tb_frame
            traceback = traceback.tb_next


def places_of(secrets: Mapping[str, str], error: BaseException) -> list[str]:
    """Return where the frames and the attributes of an error contain a secret.

    It follows variables, attributes, slots, containers, and the variables of generators.

    :param secrets: each secret by its name.
    """
    waiting: list[tuple[str, Any]] = [("error", each) for each in chain(error)]
    for frame in frames(error):
        where = f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}"
        waiting += [(f"{where}: {name}", value) for name, value in frame.f_locals.items()]
    found, seen = [], dict[int, Any]()
    while waiting and len(seen) < _MOST_OBJECTS:
        where, value = waiting.pop()
        if id(value) in seen or isinstance(value, _PLAIN):
            continue
        seen[id(value)] = value
        shown = _shown(value)
        found += [f"{where} has the {name}" for name, secret in secrets.items() if secret in shown]
        with suppress(NotImplementedError):  # a container of urllib3
            for step, below in _below(value):
                waiting.append((f"{where}{step}", below))
    assert len(seen) < _MOST_OBJECTS
    return found


def _shown(value: object) -> str:
    try:
        return value.decode("latin-1") if isinstance(value, bytes | bytearray) else f"{value!r} {value!s}"
    except Exception:  # noqa: BLE001 (a repr of a library)
        return ""


def _below(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str | bytes | bytearray | types.FunctionType | types.TracebackType | types.FrameType):
        return
    if isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    if isinstance(value, types.GeneratorType) and value.gi_frame is not None:
        yield from ((f".{name}", each) for name, each in value.gi_frame.f_locals.items())
    if isinstance(value, types.CoroutineType) and value.cr_frame is not None:
        yield from ((f".{name}", each) for name, each in value.cr_frame.f_locals.items())
    yield from ((f".{name}", each) for name, each in list(getattr(value, "__dict__", {}).items()))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", each) for key, each in list(value.items()))
        yield from ((".key", key) for key in list(value))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{number}]", each) for number, each in enumerate(value))
