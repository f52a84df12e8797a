# A real S3 server: Ceph's object gateway with a monitor and an object store of its own, started by `s3-server`.
install ceph-mon ceph-osd radosgw
cp /parts/s3-server /usr/local/bin/s3-server
