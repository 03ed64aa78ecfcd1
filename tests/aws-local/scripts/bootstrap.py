"""Runs a function of a module as Lambda's own Python runtime does: `bootstrap.py module.function`."""

import http.client
import importlib
import json
import os
import sys
import time
import traceback


def call(method, path, body=None):
    # Ends the process where nobody is there any more.
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, "/2018-06-01/runtime/" + path, body)
    response = connection.getresponse()
    return response.headers, response.read()


def report(path, error):
    traceback.print_exception(error)
    trace = traceback.format_exception(error)
    body = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
    call("POST", path, json.dumps(body))


class Context:
    function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
    memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
    log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
    identity = None
    client_context = None

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self.deadline - int(time.time() * 1000))


def main():
    module, name = sys.argv[1].rsplit(".", 1)
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        report("init/error", error)
        sys.exit(1)
    while True:
        headers, event = call("GET", "invocation/next")
        invocation = "invocation/" + headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            answer = json.dumps(function(json.loads(event), Context(headers)))
        except Exception as error:
            report(invocation + "/error", error)
        else:
            call("POST", invocation + "/response", answer)


main()
