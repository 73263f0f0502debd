"""The worker process: waits for wake-ups of its queue, claims rows, watches the child that works on them."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import redis
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from rq import Queue, Worker
from rq.exceptions import DeserializationError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now

from gpu_worker import endings, jobs
from gpu_worker.kinds import kind_of, limits
from gpu_worker.process import Child, ChildGone
from gpu_worker.watch import Verdict, Watch
from webapp.core import wakeups, work
from webapp.core.models import Work

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
HEARTBEAT_SECONDS = 10.0
STOP_SECONDS = 3.0
"""How long a row may still take after the worker was told to stop, before it is given back."""


class LungsightWorker(Worker):
    """An RQ worker of one queue. A job is only a wake-up, so nothing in Redis decides what code runs.

    The heartbeat stays here; the rows are worked on by a warm child, which is killed and replaced when a
    row takes too long or is no longer wanted. Rows of a child that died are queued again.
    """

    child_module = "gpu_worker.child"
    max_connection_wait_time = 5.0

    def __init__(self, queue: str) -> None:
        super().__init__(
            [Queue(queue, connection=wakeups.connection(), serializer=JSONSerializer)],
            name=f"{queue}-{work.worker_name()}",
            connection=wakeups.connection(),
            serializer=JSONSerializer,
            worker_ttl=30,
            maintenance_interval=60,
            job_monitoring_interval=10,
            log_job_description=False,
        )
        self.queue = queue
        self._serving = False
        self._stop_at = 0.0
        self._beat_at = 0.0
        self._child: Child | None = None

    def start(self) -> None:
        """Serve the queue until told to stop; start the child first, so that it is warm.

        Raises RedisError when Redis is away at the start; later on it waits for Redis to come back.
        """
        self.connection.ping()
        self._child = Child(self.child_module, self.queue)
        try:
            while not self._stop_requested:
                self._listen()
        finally:
            self._child.leave()

    def _listen(self) -> None:
        try:
            self.work(logging_level="WARNING")
        except redis.RedisError:
            with contextlib.suppress(redis.RedisError):
                self.unsubscribe()  # type: ignore[no-untyped-call]
            logger.warning("Redis does not answer; trying again")
        if not self._stop_requested:
            time.sleep(1)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do all work that is due in the queue, then forget the wake-up."""
        if not _is_wakeup(job, self.queue):
            logger.warning("a job that is no wake-up of queue %s was thrown away", self.queue)
            job.delete()
            return
        self._serving = True
        try:
            self._note(job, queue, begins=True)
            close_old_connections()
            if self._warm():
                jobs.work(self.queue, self.name, self._serve)
            self._note(job, queue, begins=False)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database does not answer: %s", type(error).__name__)
            connection.close()
            time.sleep(1)
        finally:
            self._serving = False

    def request_stop(self, signum: int, frame: Any) -> None:
        """Stop now when idle, else soon: the row may still end, or is given back."""
        self._stop_requested = True
        self._stop_at = time.monotonic() + STOP_SECONDS
        if not self._serving:
            raise StopRequested

    def kill_horse(self, sig: Any = None) -> None:
        """Kill the child on RQ's own command; its row is queued again."""
        if self._child is not None:
            self._child.kill()

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell Redis that this worker lives, and who it is when Redis has forgotten (lost its data)."""
        if (
            pipeline is None
            and self.birth_date is not None
            and not self.connection.hexists(self.key, "birth")
        ):
            self.register_birth()
        super().heartbeat(timeout, pipeline)

    def register_birth(self) -> None:
        """Enter this worker in Redis; its name is its own, so whatever stands there is a remainder."""
        self.connection.delete(self.key)
        super().register_birth()  # type: ignore[no-untyped-call]

    def _serve(self, row: Work) -> bool:
        """Have the child work on a claimed row; answer whether to go on with the next one."""
        try:
            if self._warm():
                self._watch(row)
            else:
                endings.give_back(row)
        except work.LostLease:
            logger.info("%s %s belongs to somebody else now", row._meta.model_name, row.pk)
        return not self._stop_requested and self._warm()

    def _watch(self, row: Work) -> None:
        child, seconds = self._child, limits(self.queue).seconds
        if child is None:
            raise ChildGone
        kind_of(row).changed(row)
        watch = Watch(row, seconds)
        try:
            child.send(row)
            while not child.answered(TICK_SECONDS):
                self._beat()
                verdict = watch.look()
                if verdict is not Verdict.GO_ON:
                    logger.warning("%s %s: child killed: %s", row._meta.model_name, row.pk, verdict.value)
                    self._replace_child()
                    if verdict is Verdict.TOO_SLOW:
                        endings.try_again(row, endings.too_slow(seconds))
                    return
                if self._stop_requested and time.monotonic() > self._stop_at:
                    child.kill()
                    endings.give_back(row)
                    return
        except ChildGone:
            status = child.kill()
            logger.warning("%s %s: the child died (%s)", row._meta.model_name, row.pk, status)
            self._replace_child()
            endings.try_again(row, endings.STOPPED)

    def _warm(self) -> bool:
        """Wait until the child is ready; replace one that died idle. False: told to stop meanwhile."""
        if self._child is not None and self._child.ready and not self._child.is_alive:
            self._replace_child()
        while self._child is not None and not self._child.ready:
            try:
                self._child.answered(TICK_SECONDS)
            except ChildGone:
                raise SystemExit(f"The child of queue {self.queue} cannot start; the log says why.") from None
            if self._stop_requested:
                return False
            if self._child.is_late:
                raise SystemExit(f"The child of queue {self.queue} did not get ready in time.")
            self._beat()
        return True

    def _replace_child(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child = Child(self.child_module, self.queue)

    def _beat(self) -> None:
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + HEARTBEAT_SECONDS
        try:
            self.heartbeat(90)
        except redis.RedisError:
            logger.warning("Redis does not answer; the work goes on")

    def _note(self, job: Job, queue: Queue, *, begins: bool) -> None:
        """Keep RQ's own books; without Redis the work goes on."""
        try:
            if begins:
                self.prepare_execution(job)
                self.prepare_job_execution(job, remove_from_intermediate_queue=True)
                job.started_at = now()
            else:
                self.handle_execution_ended(job, queue, 60)
                self.handle_job_success(job, queue, queue.started_job_registry)
        except (redis.RedisError, ValueError):
            logger.warning("the wake-up could not be noted in Redis")


def _is_wakeup(job: Job, queue: str) -> bool:
    try:
        return job.func_name == wakeups.WORK and list(job.args) == [queue]
    except (DeserializationError, ValueError, TypeError):
        return False
