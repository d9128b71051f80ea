#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/support/moto_server.py PORT [BUCKET]: moto's object storage at 127.0.0.1, until it is ended, at most an hour.

scripts/deps --test-remote installs moto, with a Python of its own that runs this. Its objects are in memory.

Of a conditional PUT moto asks first whether the object is there, and puts it afterwards, without a lock. So two threads of it can both
make one object, and this has one: requests are answered one after the other. Signatures and keys are not verified.
"""
import signal
import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client

signal.alarm(3600)
application = DomainDispatcherApplication(create_backend_app)
if len(sys.argv) > 2:
    answer = Client(application).put(f"/{sys.argv[2]}", base_url=f"http://127.0.0.1:{sys.argv[1]}",
                                     headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, "
                                                               "SignedHeaders=host, Signature=0"})
    assert answer.status_code == 200, answer.status
run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=False)
