# The build is scripts/image-build.sh, which runs without a container engine too.
FROM node:24-bookworm AS build
WORKDIR /src
COPY . .
RUN sh scripts/image-build.sh /out

FROM node:24-bookworm-slim
ENV NODE_ENV=production COUNTERSIGN_CONFIG=/etc/countersign/countersign.yaml
# A fresh named volume takes its owner from here, so that no process has to run as root.
RUN mkdir -p /keys/public /keys/policy /keys/decision /keys/executor /var/lib/countersign/exports \
  /run/countersign/keys/public /run/countersign/keys/policy /run/countersign/keys/decision /run/countersign/keys/executor \
  && chmod 700 /keys/policy /keys/decision /keys/executor \
  && chown -R node:node /keys /var/lib/countersign
WORKDIR /app
COPY --from=build /out /app
USER node
# Names no process on purpose: docker-compose.yml says which one a container is.
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/api/server.js"]
