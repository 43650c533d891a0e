# The service as a container: docker compose up, or
#   docker build -t inkdigits . && docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8080:8080 inkdigits
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY inkdigits inkdigits
RUN python -m venv /opt/inkdigits
RUN /opt/inkdigits/bin/python -m pip install --no-cache-dir --no-compile --constraint requirements.lock ".[serve,pdf,heic]"
RUN /opt/inkdigits/bin/python -m pip uninstall --yes setuptools pip

FROM python:3.13-slim
COPY --from=build /opt/inkdigits /opt/inkdigits
RUN mkdir /data && chown 10001:10001 /data
USER 10001:10001
WORKDIR /data
VOLUME /data
ENV PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/opt/inkdigits/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/v2/health/ready')"]
ENTRYPOINT ["/opt/inkdigits/bin/inkdigits", "serve", "--host", "0.0.0.0"]
