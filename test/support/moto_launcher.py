"""Starts moto's AWS emulator with a small control API in front, for keyturn's tests.

Prints one JSON line when it listens. Stops when its standard input ends, that is, when the test process dies.

moto is laxer than IAM. Closed here: lists are paged as IAM pages them (small pages, so that tests see several), Inactive keys
cannot sign in, users that have keys cannot be deleted, and the clock can be shifted (IAM's dates and the Date header with it), so
that weeks pass in a moment.

  POST /__test/reset                                       everything back to the start
  POST /__test/seed   {"account"?, "users": [{"name", "path", "tags", "password", "keys": [{"ageDays", "status", "usedDaysAgo", "service"}]}]}
  POST /__test/use    {"accessKeyId", "service"}           a consumer signs now; answers {"ok": whether it was let in}
  POST /__test/key    {"accessKeyId", "status", "ageDays"} what a person does in the console; and a key is that old
  POST /__test/clock  {"offsetSeconds"}
  POST /__test/mails                                       the mails that SES took
  POST /__test/keys                                        all keys of all accounts
  POST /__test/bridge {"url", "tries"}                     RotateSecret calls this in place of a Lambda function, step by step

Secrets Manager is made as strict as AWS documents it: a version is written once, AWSCURRENT is on one version and takes AWSPENDING off
it, and a rotation whose function failed is begun again.
"""

import datetime as dt
import json
import os
import sys
import threading
import time as real_time
import urllib.error
import urllib.request
import uuid

OFFSET = {"seconds": 0.0}
_now = real_time.time


def shifted_time():
    return _now() + OFFSET["seconds"]


def shifted_utcnow():
    return dt.datetime.fromtimestamp(shifted_time(), dt.timezone.utc).replace(tzinfo=None)


import moto  # noqa: E402
import moto.core.utils as core_utils  # noqa: E402

ORIGINAL_UTCNOW = core_utils.utcnow
core_utils.utcnow = shifted_utcnow


class ShiftedTime:
    def __getattr__(self, name):
        return shifted_time if name == "time" else getattr(real_time, name)


SHIFTED_TIME = ShiftedTime()


def shift_modules():
    """Modules that imported the clock by name keep their own reference to it."""
    for name, module in list(sys.modules.items()):
        if module is None or not (name == "moto" or name.startswith("moto.")):
            continue
        names = getattr(module, "__dict__", {})
        if names.get("utcnow") is ORIGINAL_UTCNOW:
            module.utcnow = shifted_utcnow
        if names.get("time") is real_time:
            module.time = SHIFTED_TIME


import functools  # noqa: E402

import moto.backends as backends  # noqa: E402

# moto walks through its own folders at every request to list its services.
backends.list_of_moto_modules = functools.cache(lambda services=tuple(backends.list_of_moto_modules()): services)

from moto.iam import models as iam_models, responses as iam_responses  # noqa: E402
from moto.secretsmanager import exceptions as secret_errors, models as secret_models  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.sqs import models as sqs_models  # noqa: E402
from moto.sts import responses as sts_responses  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402
from werkzeug.wrappers import Request, Response  # noqa: E402

ACCOUNT = "123456789012"
PAGE = {"size": 100}
BRIDGE = {"url": None, "tries": 1}


def iam(account=ACCOUNT):
    return iam_models.iam_backends[account]["aws"]


def one_page(response, items):
    items = list(items)
    start = int(response._get_param("Marker") or 0)
    end = start + int(response._get_param("MaxItems") or PAGE["size"])
    return items[start:end], (str(end) if end < len(items) else None)


def paged(result, marker):
    result["IsTruncated"] = marker is not None
    if marker is not None:
        result["Marker"] = marker
    return iam_responses.ActionResult(result)


def install():
    handlers = iam_responses.IamResponse

    def list_users(self):
        users = sorted(self.backend.list_users(self._get_param("PathPrefix"), None, None), key=lambda user: user.name)
        page, marker = one_page(self, users)
        return paged({"Users": page}, marker)

    def list_access_keys(self):
        name = self._get_param("UserName")
        page, marker = one_page(self, self.backend.list_access_keys(name))
        return paged({"UserName": name, "AccessKeyMetadata": page}, marker)

    def list_user_tags(self):
        page, marker = one_page(self, self.backend.list_user_tags(self._get_param("UserName")))
        return paged({"Tags": page}, marker)

    handlers.list_users, handlers.list_access_keys, handlers.list_user_tags = list_users, list_access_keys, list_user_tags

    delete_user = iam_models.IAMBackend.delete_user

    def delete_user_without_keys(self, user_name):
        if self.list_access_keys(user_name):
            raise iam_models.DeleteConflictException("Cannot delete entity, must delete access keys first.")
        return delete_user(self, user_name)

    iam_models.IAMBackend.delete_user = delete_user_without_keys

    # Who deletes a user by force asks for these, too; moto knows none.
    handlers.list_service_specific_credentials = lambda self: iam_responses.ActionResult({"ServiceSpecificCredentials": []})

    identity = sts_responses.TokenResponse.get_caller_identity

    def get_caller_identity(self):
        key = find_key(self.get_access_key())
        if key is not None and key.status != "Active":
            raise InvalidToken()
        if key is None and self.get_access_key().startswith("AKIA") and self.get_access_key() != "AKIAIOSFODNN7EXAMPLE":
            raise InvalidToken()
        return identity(self)

    sts_responses.TokenResponse.get_caller_identity = get_caller_identity

    # As they were written: moto does not tell whose dead letters a queue takes, and puts white space into where its own go.
    queue_attributes = sqs_models.Queue.attributes.fget

    def attributes_as_written(self):
        told = queue_attributes(self)
        if getattr(self, "redrive_allow_policy", None):
            told["RedriveAllowPolicy"] = self.redrive_allow_policy
        if self.redrive_policy:
            told["RedrivePolicy"] = json.dumps(self.redrive_policy, separators=(",", ":"))
        return told

    sqs_models.Queue.attributes = property(attributes_as_written)


from moto.sts.exceptions import STSClientError  # noqa: E402


class InvalidToken(STSClientError):
    def __init__(self):
        super().__init__("InvalidClientTokenId", "The security token included in the request is invalid.")


def find_key(access_key_id):
    for account in list(iam_models.iam_backends.keys()):
        key = iam_models.iam_backends[account]["aws"].access_keys.get(access_key_id)
        if key is not None:
            return key
    return None


def call_function(event, arn):
    headers = {"content-type": "application/json", "x-function-arn": arn}
    request = urllib.request.Request(BRIDGE["url"], json.dumps(event).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def step_event(secret, version_id, step):
    return {
        "Step": f"{step}Secret",
        "SecretId": secret.arn,
        "ClientRequestToken": version_id,
        "RotationToken": "canary-rotation-token",
    }


def current_value(secret):
    current = [version for version in secret.versions.values() if "AWSCURRENT" in version["version_stages"]]
    return {"secret_string": version["secret_string"] for version in current}


def install_secrets():
    backend = secret_models.SecretsManagerBackend
    plain_rotate, plain_move, plain_check = (
        backend.rotate_secret,
        backend.update_secret_version_stage,
        backend._check_with_existing_secrets_and_versions,
    )

    def check(self, secret_name, client_request_token, secret_string, secret_binary, on_create=False):
        secret = self.secrets.get(secret_name)
        version = None if secret is None else getattr(secret, "versions", {}).get(client_request_token)
        if version is not None and version.get("secret_string") not in (None, secret_string):
            raise secret_errors.ResourceExistsException("a version is written once")
        return plain_check(self, secret_name, client_request_token, secret_string, secret_binary, on_create)

    def move(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
        answer = plain_move(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
        if version_stage == "AWSCURRENT" and move_to_version_id:
            stages = self.secrets[secret_id].versions[move_to_version_id]["version_stages"]
            stages[:] = [stage for stage in stages if stage != "AWSPENDING"]
            # What is read without a stage, and what the next value takes AWSCURRENT from.
            self.secrets[secret_id].default_version_id = move_to_version_id
        return answer

    def rotate(self, secret_id, client_request_token=None, rotation_lambda_arn=None, rotation_rules=None, rotate_immediately=True):
        if BRIDGE["url"] is None:
            return plain_rotate(self, secret_id, client_request_token, rotation_lambda_arn, rotation_rules, rotate_immediately)
        secret = self.secrets[secret_id]
        rules = rotation_rules or {}
        secret.auto_rotate_after_days = rules.get("AutomaticallyAfterDays", secret.auto_rotate_after_days)
        unfinished = [
            version
            for version in secret.versions.values()
            if "AWSPENDING" in version["version_stages"] and "AWSCURRENT" not in version["version_stages"]
        ]
        version_id = unfinished[0]["version_id"] if unfinished else client_request_token or str(uuid.uuid4())
        if not unfinished:
            secret.remove_version_stages_from_old_versions(["AWSPENDING"])
            secret.versions[version_id] = {
                "createdate": int(shifted_time()),
                "version_id": version_id,
                "version_stages": ["AWSPENDING"],
            }
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = rotation_lambda_arn or secret.rotation_lambda_arn or "arn:aws:lambda:eu-west-1:123456789012:function:bridge"
        if not rotate_immediately:
            if not unfinished:
                # AWS tries the configuration out with a copy of the current value, which it takes away again.
                secret.versions[version_id].update(current_value(secret))
                call_function(step_event(secret, version_id, "test"), secret.rotation_lambda_arn)
                del secret.versions[version_id]
            return json.dumps({"ARN": secret.arn, "Name": secret.name})
        for _ in range(BRIDGE["tries"]):
            events = [step_event(secret, version_id, step) for step in ("create", "set", "test", "finish")]
            if all(call_function(event, secret.rotation_lambda_arn) for event in events):
                break
        if unfinished:
            raise secret_errors.InvalidRequestException("A previous rotation isn't complete. That rotation will be reattempted.")
        return json.dumps({"ARN": secret.arn, "Name": secret.name, "VersionId": version_id})

    backend._check_with_existing_secrets_and_versions = check
    backend.update_secret_version_stage = move
    backend.rotate_secret = rotate


def describe(key):
    use = key.last_used
    return {
        "userName": key.user_name,
        "accessKeyId": key.access_key_id,
        "status": key.status,
        "createDate": key.create_date.isoformat() + "Z",
        "lastUse": None if use is None else {"at": use.timestamp.isoformat() + "Z", "service": use.service},
    }


def seed(body):
    made = []
    backend = iam(body.get("account", ACCOUNT))
    for spec in body["users"]:
        tags = [{"Key": key, "Value": value} for key, value in (spec.get("tags") or {}).items()]
        user = backend.create_user("us-east-1", spec["name"], spec.get("path", "/"), tags)
        if spec.get("password"):
            user.password = "x"
        # A user is older than its keys.
        oldest = max([key_spec["ageDays"] + 1 for key_spec in spec.get("keys") or []] + [spec.get("ageDays", 0)])
        user.create_date = shifted_utcnow() - dt.timedelta(days=oldest)
        for key_spec in spec.get("keys") or []:
            key = backend.create_access_key(spec["name"])
            key.create_date = shifted_utcnow() - dt.timedelta(days=key_spec["ageDays"])
            key.status = key_spec.get("status", "Active")
            if key_spec.get("usedDaysAgo") is not None:
                key.last_used = iam_models.AccessKeyLastUsed(
                    timestamp=shifted_utcnow() - dt.timedelta(days=key_spec["usedDaysAgo"]),
                    service=key_spec.get("service", "s3"),
                    region="eu-west-1",
                )
            made.append({**describe(key), "secretAccessKey": key.secret_access_key})
    return {"keys": made}


def use(body):
    key = find_key(body["accessKeyId"])
    if key is None or key.status != "Active":
        return {"ok": False}
    secret = body.get("secretAccessKey")
    if secret is not None and secret != key.secret_access_key:
        return {"ok": False}
    key.last_used = iam_models.AccessKeyLastUsed(timestamp=shifted_utcnow(), service=body.get("service", "s3"), region="eu-west-1")
    return {"ok": True}


def change_key(body):
    key = find_key(body["accessKeyId"])
    if "status" in body:
        key.status = body["status"]
    if "ageDays" in body:
        key.create_date = shifted_utcnow() - dt.timedelta(days=body["ageDays"])
    return {}


def clock(body):
    shift_modules()
    OFFSET["seconds"] = float(body["offsetSeconds"])
    return {}


def reset(_body):
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    OFFSET["seconds"] = 0.0
    PAGE["size"] = 100
    BRIDGE.update(url=None, tries=1)
    return {}


def bridge(body):
    BRIDGE.update(url=body["url"], tries=body.get("tries", 1))
    return {}


def page_size(body):
    PAGE["size"] = body["size"]
    return {}


def keys(_body):
    accounts = [iam_models.iam_backends[account]["aws"] for account in list(iam_models.iam_backends.keys())]
    every = [key for account in accounts for key in list(account.access_keys.values())]
    return {"keys": [describe(key) for key in every if key.user_name]}


def mails(_body):
    from moto.ses import models as ses_models

    sent = [mail for backend in ses_models.ses_backends[ACCOUNT].values() for mail in backend.sent_messages]
    return {
        "mails": [
            {"from": mail.source, "to": mail.destinations, "subject": mail.subject, "body": mail.body} for mail in sent
        ]
    }


ROUTES = {
    "mails": mails,
    "reset": reset,
    "seed": seed,
    "use": use,
    "key": change_key,
    "clock": clock,
    "keys": keys,
    "page-size": page_size,
    "bridge": bridge,
}


class Front:
    def __init__(self, inner):
        self.inner = inner

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/__test/"):
            return self.inner(environ, start_response)
        try:
            status, out = 200, ROUTES[path[len("/__test/"):]](json.loads(Request(environ).get_data() or b"{}"))
        except Exception as error:
            status, out = 400, {"error": f"{type(error).__name__}: {error}"}
        return Response(json.dumps(out), status=status, content_type="application/json")(environ, start_response)


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args, **kwargs):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(shifted_time() if timestamp is None else timestamp)


def create_app(service):
    app = create_backend_app(service)
    shift_modules()
    return app


def main():
    install()
    install_secrets()
    shift_modules()
    server = make_server("127.0.0.1", 0, Front(DomainDispatcherApplication(create_app)), threaded=True, request_handler=Handler)
    server.daemon_threads = True

    def end_with_parent():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}", "moto": moto.__version__}), flush=True)
    server.serve_forever()


main()
