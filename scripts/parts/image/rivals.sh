# What ODO is measured against, on top of a maker of repositories (which has barman-cloud), and GNU time to measure it with.
install awscli pgbackrest time
