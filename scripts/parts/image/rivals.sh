# What ODO is measured against, on top of a maker of repositories (which has barman-cloud).
# GNU time is there to measure with.
install awscli pgbackrest time
