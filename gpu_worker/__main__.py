"""``python -m gpu_worker checks|analyses``: one worker process of one queue."""

from __future__ import annotations

import argparse
import os
import sys

import django
import redis


def main() -> int:
    """Run the worker until it is told to stop. Exit 2: Redis does not answer."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings.base")
    django.setup()
    from gpu_worker.kinds import KINDS
    from gpu_worker.worker import LungsightWorker

    parser = argparse.ArgumentParser(prog="gpu_worker", description="Works on the rows of one queue.")
    parser.add_argument("queue", choices=sorted(KINDS))
    try:
        LungsightWorker(parser.parse_args().queue).start()
    except redis.RedisError as error:
        sys.stderr.write(f"Redis does not answer ({type(error).__name__}). Start it, or set REDIS_URL.\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
