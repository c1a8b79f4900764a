# One image for every process: `vms api`, `vms worker`, `vms serve`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/vms
RUN python -m venv /opt/venv
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY schema schema
COPY resolvers resolvers
COPY compat_rest compat_rest
COPY media media
COPY models models
RUN printf '#!/bin/sh\nexec /opt/venv/bin/python -m app.cli "$@"\n' > /opt/venv/bin/vms \
    && chmod 755 /opt/venv/bin/vms
# The playground's browser files; without them the page says what is missing.
RUN /opt/venv/bin/vms assets

FROM python:3.11-slim-bookworm
# What OpenVINO needs of an Intel GPU: `--build-arg GPU=intel`. Without it there is the CPU.
ARG GPU=""
RUN if [ "$GPU" = intel ]; then \
        apt-get update && apt-get install -y --no-install-recommends intel-opencl-icd \
        && rm -rf /var/lib/apt/lists/*; \
    fi
# 10001: a user of its own; a number, so that Kubernetes can check runAsNonRoot.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin vms \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/vms
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/vms /srv/vms
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    VMS_DATA_DIR=/var/lib/vms VMS_HOST=0.0.0.0 VMS_PORT=8000
WORKDIR /srv/vms
USER 10001
VOLUME /var/lib/vms
EXPOSE 8000 8100
STOPSIGNAL SIGTERM
ENTRYPOINT ["vms"]
CMD ["serve"]
