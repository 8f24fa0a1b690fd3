# Two stages: what builds the bot stays behind, only what runs it is shipped.
# .ci/run carries out the RUN lines of the build stage and the HEALTHCHECK in a clean directory, so
# keep each on one line, and keep the paths /opt/venv and /src.

# Python 3.13 costs the least. Against 3.11 (medians of 4 interleaved rounds, SQLite; 3.12 in brackets):
# CPU a command 0.94 at 100/s (1.09) and 0.91 at saturation (1.01), CPU of the start 1.05 (1.25), memory
# 1.00 at rest and after load (0.99). Builds of the same compiler and flags, without PGO.
# The digest fixes the image; Dependabot proposes the next one.
FROM python:3.13-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8 AS build
WORKDIR /src

# The final stage has no pip: this stage's own pip fills the environment from outside.
RUN python -m venv --without-pip /opt/venv

# First what changes seldom, so that an edit of the bot does not install everything again. Each file
# must match a hash of it; wheels only, so that no package's code runs while it installs.
COPY bot/deploy/requirements.txt bot/deploy/build-requirements.txt ./bot/deploy/
RUN python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --only-binary :all: --require-hashes -r bot/deploy/requirements.txt

# The tool that builds the bot's wheel, in an environment of its own, and with a hash too.
RUN python -m venv --without-pip /opt/venv-build
RUN python -m pip --python /opt/venv-build/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r bot/deploy/build-requirements.txt

COPY pyproject.toml ./
COPY bot ./bot
RUN python -m pip --python /opt/venv-build/bin/python wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /opt/venv-build/wheels .
RUN python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --no-deps --no-index /opt/venv-build/wheels/*.whl

# Compiled here, because the container may not write: imports take a third of the time. Never checked
# against the sources' dates, because nothing changes in an image.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv

# What will be the volume, empty; the final stage makes it the bot's own.
RUN mkdir data


FROM python:3.13-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8

# The base image ships the standard library uncompiled; each start would compile it again.
RUN ["python", "-m", "compileall", "-q", "-x", "/(test|tests|idlelib|tkinter|turtledemo|site-packages)/", "/usr/local/lib/python3.13"]

COPY --from=build /opt/venv /opt/venv

# PYTHONUNBUFFERED: a log line is seen when it is written. PYTHONDONTWRITEBYTECODE: the root may be
# read-only. HOST: what publishes the port comes from outside the container. MALLOC_MMAP_THRESHOLD_:
# glibc gives the memory of large bodies back; after 300 unsigned bodies of 900 KB in several rounds the
# bot held 76 to 80 MB, and 83 to 155 MB without it.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_MMAP_THRESHOLD_=65536 \
    HOST=0.0.0.0 \
    PORT=3000

# The bot keeps its database in /app/data, unless DATABASE_URL says otherwise, and writes nowhere else.
# Give it a named volume: what was accepted, and what is watched, then outlives the container. A number as
# the user, so that a platform can see it is not root.
WORKDIR /app
COPY --from=build --chown=10001:10001 /src/data /app/data
VOLUME /app/data
USER 10001:10001

# The same as bot.__version__; a test compares them. Last, so that a new version keeps the layers above.
# The workflow gives the commit and the time of the build.
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="training-project-bot" \
    org.opencontainers.image.description="A Slack bot that opens Baseten training projects and follows their jobs" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.created="$CREATED"

EXPOSE 3000

# Liveness only: /readyz also asks whether Slack is reached, which a restart would not mend. No curl in
# the image, and http.client, unlike urllib, never goes through a proxy to get to its own host.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["python", "-c", "import http.client as h, os, sys; read = lambda n, d: os.environ.get(n, '').strip(' []\\x22\\x27') or d; host = read('HOST', '127.0.0.1'); host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host); c = h.HTTPConnection(host, int(read('PORT', '3000')), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

# exec form: the bot is process 1 and gets the SIGTERM. It then finishes what it has accepted, for up to
# 25 s: give it 30 before a SIGKILL (`docker stop --time 30`).
STOPSIGNAL SIGTERM
CMD ["python", "-m", "bot"]
