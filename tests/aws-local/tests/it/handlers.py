"""The handlers of these tests. An event says what to do."""

import os
import time


def handle(event, context):
    print("handling", event, flush=True)
    match event:
        case {"Records": [{"body": "raise"}, *_]}:
            raise ValueError("it was told to raise")
        case {"Records": [{"body": _}, *_] as messages}:
            failed = [message for message in messages if message["body"].startswith("fail")]
            return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in failed]}
        case {"Records": records}:
            return records
        case {"do": "fail"}:
            raise ValueError("it was told to fail")
        case {"do": "die"}:
            os._exit(3)
        case {"do": "sleep", "seconds": seconds}:
            time.sleep(seconds)
        case {"do": "look"}:
            return {
                "pid": os.getpid(),
                "arn": context.invoked_function_arn,
                "request_id": context.aws_request_id,
                "version": context.function_version,
                "left": context.get_remaining_time_in_millis(),
                "env": dict(os.environ),
            }
    return event
