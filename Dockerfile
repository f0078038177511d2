# The service as one static binary in an otherwise empty image.
#
#   docker build -t openpayment --build-arg VERSION="$(git describe --tags --always --dirty)" .
#
#   docker run --rm -p 127.0.0.1:8080:8080 --stop-timeout 35 \
#     -e OPENPAYMENT_ADMIN_TOKEN=choose-one -v openpayment:/data openpayment
#
# keeps the log in SQLite, in the volume. With OPENPAYMENT_STORE=cassandra://…
# it keeps nothing, and runs with --read-only --cap-drop ALL as well: see
# docker-compose.yml. Any other command or flag goes after the image's name:
# docker run --rm openpayment --help

FROM golang:1.26 AS build
WORKDIR /src
# For networks that reach modules by a proxy of their own; not needed elsewhere.
ARG GOPROXY
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.buildVersion=${VERSION}" -o /openpayment ./cmd/openpayment \
 && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /openpayment /openpayment
COPY --from=build --chown=65532:65532 /data /data
# A number, so that orchestrators can tell that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME /data
# Beyond loopback the service starts with tokens only (OPENPAYMENT_ADMIN_TOKEN, or a
# file mounted and named by OPENPAYMENT_TOKENS), or if --insecure is given.
ENV OPENPAYMENT_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/openpayment"]
