"""Streams the files of a multipart request into the store's incoming folder, hashing as they come."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from webapp.core.blobs import Incoming


class ReceivedFile(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs only
    """A file of a request that lies in the incoming folder. Closing it removes it unless it was kept."""

    def __init__(self, incoming: Incoming, name: str) -> None:
        super().__init__(file=None, name=name, size=incoming.size)
        self.incoming = incoming

    def close(self) -> None:
        """Remove the temporary file."""
        self.incoming.close()


class IncomingHandler(FileUploadHandler):
    """Takes every file of the request; memory stays small however many and large they are."""

    chunk_size = 1 << 20

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self.incoming = Incoming()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a piece of it; when that fails, nobody else knows of the file that was begun."""
        try:
            self.incoming.write(raw_data)
        except OSError:
            self.incoming.close()
            raise

    def file_complete(self, file_size: int) -> ReceivedFile:
        """End it."""
        self.incoming.finish()
        return ReceivedFile(self.incoming, self.file_name or "")

    def upload_interrupted(self) -> None:
        """Remove the piece of a file whose sender went away."""
        if hasattr(self, "incoming"):
            self.incoming.close()
