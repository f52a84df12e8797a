# The restore image. Run "npm run build" first: everything but the base image comes from dist/.
FROM node:24-bookworm-slim
COPY dist/odo.mjs dist/linux-x64.node /usr/local/lib/odo/
# Inside a container a process id in postmaster.pid tells nothing of other containers.
ENV ODO_IN_CONTAINER=1 NODE_ENV=production
# One arena for all threads: what one of them has freed, another can use.
# That saves some 8 MiB of the 256 that a restore may take.
ENV MALLOC_ARENA_MAX=1
ENTRYPOINT ["node", "/usr/local/lib/odo/odo.mjs"]
CMD ["restore", "--into", "/data"]
