"""The real worker process, with a child whose work misbehaves on purpose."""

from __future__ import annotations

import sys

from gpu_worker.__main__ import main

if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.gpu_worker.settings")
    django.setup()
    from gpu_worker.worker import LungsightWorker

    LungsightWorker.child_module = "tests.gpu_worker.faulty_child"
    sys.exit(main())
