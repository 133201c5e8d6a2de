# One image, every service: `docker run IMAGE ingest`, `analytics`, `api`, `edge`.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/dayuan && /opt/dayuan/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/dayuan/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim-bookworm
RUN useradd --system --create-home --home-dir /var/lib/dayuan dayuan
COPY --from=build /opt/dayuan /opt/dayuan
ENV PATH=/opt/dayuan/bin:$PATH DAYUAN_DATA=/var/lib/dayuan
USER dayuan
WORKDIR /var/lib/dayuan
ENTRYPOINT ["dayuan"]
CMD ["run"]
