# What CI runs, a line each.
default: test check

test *ARGS:
    scripts/test {{ARGS}}

coverage *ARGS:
    scripts/test --cov=sereno --cov-report=term:skip-covered {{ARGS}}

check:
    scripts/check

demo *ARGS:
    scripts/demo {{ARGS}}

up *ARGS:
    uv run sereno up {{ARGS}}

docs:
    scripts/reference

bench NAME="--list":
    bench/run {{NAME}}

fix:
    uv run ruff check --fix .
    uv run ruff format .
