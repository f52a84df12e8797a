# moto: an S3 server of another make, in Python, that keeps everything in memory and takes any keys.
install python3-moto python3-flask python3-flask-cors python3-werkzeug
