"""What a program pays for having the kit: little to install, little to import, nothing that it does not use."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires

import sereno_kit


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def base(distribution: str) -> set[str]:
    """The distributions that one needs, extras and other systems left out."""
    return {
        re.split(r"[\s<>=!~;\[(]", need, maxsplit=1)[0].lower().replace("_", "-")
        for need in requires(distribution) or ()
        if "extra ==" not in need and "python_version" not in need and "python_full_version" not in need
    }


def test_the_base_install_is_at_most_five_distributions_beside_the_kit() -> None:
    todo, found = {"sereno-kit"}, set[str]()
    while todo:
        one = todo.pop()
        found.add(one)
        todo |= base(one) - found
    assert found - {"sereno-kit"} == {"prometheus-client", "structlog", "orjson", "mmh3"}


def test_importing_the_kit_imports_nothing_but_the_standard_library() -> None:
    loaded = run(
        "import sys; before = set(sys.modules); import sereno_kit;"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before if not m.startswith('_')})"
    )
    assert set(loaded.split()) <= {"sereno_kit", *sys.stdlib_module_names}


def test_touching_every_name_imports_no_framework_and_no_extra() -> None:
    loaded = run(
        "import sys, sereno_kit; [getattr(sereno_kit, n) for n in sereno_kit.__all__];"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    guests = {"fastapi", "starlette", "flask", "django", "litestar", "opentelemetry", "sentry_sdk", "redis"}
    guests |= {"openfeature", "yaml", "httpx", "requests", "aiohttp", "sqlalchemy", "anyio", "sereno"}
    assert not guests & set(loaded.split())


def test_a_program_without_structlog_does_not_pay_for_it() -> None:
    loaded = run(
        "import sys, io; from sereno_kit import Logs, instrument\n"
        "async def app(scope, receive, send): ...\n"
        "kit = instrument(app, service='shop', logs=Logs(stream=io.StringIO()))\n"
        "kit.log.info('order created', order_id=7); kit.log.bind(shop=1).warning('told')\n"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    assert not {"structlog", "rich", "attr"} & set(loaded.split())


def test_structlog_is_the_kits_own_also_if_it_is_imported_later() -> None:
    told = run(
        "import sys, io; from sereno_kit import Logs, instrument\n"
        "async def app(scope, receive, send): ...\n"
        "lines, before = io.StringIO(), list(sys.meta_path)\n"
        "kit = instrument(app, service='shop', logs=Logs(stream=lines))\n"
        "import structlog\n"
        "with structlog.contextvars.bound_contextvars(tenant='t1'):\n"
        "    structlog.get_logger('orders').info('order created', password='hunter2')\n"
        "kit.close()\n"
        "print(lines.getvalue().strip(), sys.meta_path == before)\n"
        "structlog.get_logger().info('as it was')"
    )
    line, after = told.split("\n")
    for told in ('"order created"', '"tenant":"t1"', '"password":"[redacted]"'):
        assert told in line
    assert line.endswith("True")  # nothing is left in the import system
    assert "as it was" in after
    assert "{" not in after


def test_nothing_of_the_process_changes_by_importing() -> None:
    assert (
        run(
            "import sys, signal, logging, threading; hook = sys.excepthook, signal.getsignal(signal.SIGTERM);"
            "import sereno_kit; [getattr(sereno_kit, n) for n in sereno_kit.__all__];"
            "print(hook == (sys.excepthook, signal.getsignal(signal.SIGTERM)), logging.root.handlers, threading.active_count())"
        )
        == "True [] 1"
    )


def test_all_names_are_there_once_and_unknown_ones_are_not() -> None:
    assert len(set(sereno_kit.__all__)) == len(sereno_kit.__all__)
    for name in sereno_kit.__all__:
        assert getattr(sereno_kit, name) is not None
    assert set(sereno_kit.__all__) <= set(dir(sereno_kit))
    assert not hasattr(sereno_kit, "nonsense")


def test_modules_of_the_same_name_do_not_hide_public_names() -> None:
    assert (
        run(
            "import sereno_kit.instrumenting, sereno_kit.resilience.pipeline; from sereno_kit import instrument, pipeline;"
            "print(callable(instrument), callable(pipeline))"
        )
        == "True True"
    )
