# The service as one image: `web`, `scheduler`, `db upgrade` and every other command of `prom`.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/prom
COPY requirements.lock ./
RUN /opt/prom/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY instruments ./instruments
COPY prom_service ./prom_service
COPY scheduler ./scheduler
RUN /opt/prom/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home prom && install -d -o 10001 -m 700 /heads
COPY --from=build /opt/prom /opt/prom
ENV PATH=/opt/prom/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["prom"]
CMD ["web", "--host", "0.0.0.0", "--port", "8000"]
