"""What `--video`, `--audio` and `--present` name: files, pictures, patterns and tones as sources."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pexrtc_media.base import MediaError, Source
from pexrtc_media.files import MediaFile
from pexrtc_media.synthetic import Pattern, Still, Tone
from pexrtc_py.cli.options import usage
from pexrtc_py.errors import DeviceError

_INSTEAD = {
    "--video": "name a film or a picture, pattern, or none",
    "--audio": "name a file with sound, tone, or none",
    "--present": "name a picture or a film",
}


class Sources:
    """The sources of a participant, to be used inside `async with`; each is None where nothing shall be sent.

    Files are played in a loop. A file named for both `video` and `audio` is one film with one time line.
    Entering raises `click.UsageError` for a file that is not there, `DeviceError` for one that cannot be used.
    """

    audio: Source[Any] | None = None
    video: Source[Any] | None = None
    presentation: Source[Any] | None = None

    def __init__(self, video: str, audio: str, present: Path | None = None) -> None:
        self._video, self._audio, self._present = video, audio, present
        self._files: dict[Path, MediaFile] = {}

    async def __aenter__(self) -> Self:
        """Open the files, so that what is wrong with them is known before anything is joined."""
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the files."""
        for file in self._files.values():
            await file.aclose()

    def _open(self) -> None:
        if self._video.lower() != "none":
            self.video = Pattern() if self._video.lower() == "pattern" else self._pictures("--video", Path(self._video))
        if self._audio.lower() != "none":
            self.audio = Tone() if self._audio.lower() == "tone" else self._sound(Path(self._audio))
        if self._present is not None:
            self.presentation = self._pictures("--present", self._present, shared=False)

    def _pictures(self, option: str, path: Path, *, shared: bool = True) -> Source[Any]:
        _check_is_there(option, path)
        if _is_still(path):
            return Still(path)
        # Slides have a time line of their own: they begin when they are shown.
        file = self._file(option, path) if shared else self._file(option, path, key=path / option)
        if file.video is None:
            raise DeviceError(f"{option} {path}: the file has sound but no pictures; {_INSTEAD[option]}.")
        return file.video

    def _sound(self, path: Path) -> Source[Any]:
        _check_is_there("--audio", path)
        file = None if _is_still(path) else self._file("--audio", path)
        if file is None or file.audio is None:
            raise DeviceError(f"--audio {path}: the file has pictures but no sound; {_INSTEAD['--audio']}.")
        return file.audio

    def _file(self, option: str, path: Path, *, key: Path | None = None) -> MediaFile:
        key = key or path.resolve()
        if key not in self._files:
            try:
                self._files[key] = MediaFile(path, loop=True)
                _try_out(path)
            except MediaError as error:
                raise DeviceError(f"{option}: {error} {_INSTEAD[option].capitalize()}.") from error
        return self._files[key]


def _try_out(path: Path) -> None:
    """Decode the first of each stream, for a head may promise what the rest does not hold. Raises MediaError."""
    import av
    from av.error import FFmpegError

    with av.open(str(path)) as container:
        for stream in (*container.streams.video[:1], *container.streams.audio[:1]):
            container.seek(0)
            try:
                found = next(container.decode(stream), None)
            except FFmpegError:
                found = None
            if found is None:
                raise MediaError(f"The {stream.type} of {path} cannot be decoded; the file is damaged.")


def _check_is_there(option: str, path: Path) -> None:
    if not path.exists():
        raise usage(f"{option} {path}: there is no such file; {_INSTEAD[option]}.")
    if path.is_dir():
        raise usage(f"{option} {path} is a directory; {_INSTEAD[option]}.")
    if path.is_file() and path.stat().st_size == 0:
        raise DeviceError(f"{option} {path}: the file is empty; {_INSTEAD[option]}.")


def _is_still(path: Path) -> bool:
    """Whether the file is a picture that does not move; anything that Pillow does not know may still be a film."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) == 1
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return False
