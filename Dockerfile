# One image, every service: `docker run IMAGE ingest`, `analytics`, `api`, `edge`.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
# The hashes of the lock are checked here; what only developers need stays behind in this stage.
RUN pip wheel --no-cache-dir --require-hashes --wheel-dir /wheels -r requirements.lock
COPY . .
RUN pip wheel --no-index --find-links /wheels --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/dayuan \
 && /opt/dayuan/bin/pip install --no-cache-dir --no-index --find-links /wheels 'dayuan[server,postgres]'

FROM python:3.13-slim-bookworm
RUN useradd --system --create-home --home-dir /var/lib/dayuan dayuan
COPY --from=build /opt/dayuan /opt/dayuan
ENV PATH=/opt/dayuan/bin:$PATH DAYUAN_DATA=/var/lib/dayuan
USER dayuan
WORKDIR /var/lib/dayuan
ENTRYPOINT ["dayuan"]
CMD ["run"]
