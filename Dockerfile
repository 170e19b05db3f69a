# Postern in a container: built in one stage, run in another as an ordinary user. It writes only to /data; the root file
# system may be read-only. At run time it needs the network only for the IMAP and SMTP servers.

FROM node:24-bookworm AS build
WORKDIR /app
# Compiles better-sqlite3 from the locked source (.prebuild-installrc) with the headers of this image.
ENV npm_config_nodedir=/usr/local
COPY package.json package-lock.json .npmrc .prebuild-installrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json build.mjs ./
COPY migrations ./migrations
COPY src ./src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/dist ./dist
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME ["/data"]
STOPSIGNAL SIGTERM
# Opens the database with the configured passphrase and checks the record; fails when the configuration, the passphrase or
# the database cannot be used. Prints only the number of events.
HEALTHCHECK --interval=5m --timeout=60s --start-period=2m --retries=3 \
  CMD ["node", "/app/dist/main.js", "audit", "verify", "--config", "/etc/postern/postern.yaml"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["run", "--config", "/etc/postern/postern.yaml"]
