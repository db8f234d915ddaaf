# The node and the command line in one image.
#   docker build --tag pexrtc .
#   docker run --rm --network host pexrtc node
#   docker run --rm --network host --read-only --tmpfs /tmp --volume "$PWD/recordings:/recordings" pexrtc \
#       record meet.alice --node http://127.0.0.1:8080 --out meeting.mkv
# Media takes UDP ports of the system's choice, hence the host's network. `docker stop` is SIGTERM: a recording is finished, and exits with 0.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY pexrtc_py pexrtc_py
COPY media media
RUN python -m pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
# Nothing is compiled or written outside the volume and /tmp, so the root may be read-only.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --no-index --find-links /wheels pexrtc-py \
    && useradd --uid 10001 --no-create-home --home-dir /recordings pexrtc \
    && install --directory --owner pexrtc /recordings
USER 10001
WORKDIR /recordings
VOLUME /recordings
STOPSIGNAL SIGTERM
ENTRYPOINT ["pexrtc"]
CMD ["--help"]
