# docker build --target cpu -t mutualseg .          for a CPU; --build-arg TORCH_INDEX=URL names PyTorch's own
#                                                   index of builds without CUDA, which are much smaller
# docker build --target cuda -t mutualseg .         for NVIDIA GPUs; run it with --gpus all
# docker run --rm -v "$PWD:/work" mutualseg train --data DIR --out runs/first
FROM python:3.12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# OpenMP for torch on a CPU.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
# Not root: what is written into a mounted folder should belong to a person (docker run --user says to whom).
RUN useradd --create-home user && mkdir /work /cache && chown user /work && chmod 1777 /cache
# Whoever it runs as may write there; mount a folder to keep what was downloaded.
ENV MUTUALSEG_CACHE=/cache/mutualseg HF_HOME=/cache/huggingface

FROM base AS cpu
ARG TORCH_INDEX=
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision \
  && pip install '/source[offline,app,export,video]'
USER user
WORKDIR /work
ENTRYPOINT ["mutualseg"]

FROM base AS cuda
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
# The usual wheels for Linux bring their own CUDA; the host needs the driver and the container toolkit alone.
RUN pip install '/source[offline,app,export,video]'
USER user
WORKDIR /work
ENTRYPOINT ["mutualseg"]
