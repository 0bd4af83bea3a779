#!/usr/bin/env python3
"""Runs rotate-iam-keys as a python-script service of Itential's gateway, under the script's old name and parameters.

The gateway passes a parameter as --days_threshold=60, and a boolean as --dry_run or --dry_run=true. Flags as people type them
(--days-threshold 60) are passed on as they are. The result is JSON unless output_format says otherwise.

ROTATE_IAM_KEYS is the command to run, where rotate-iam-keys is not on the gateway's PATH.
"""

import os
import shlex
import sys

VALUES = {
    "--days_threshold": "--days-threshold",
    "--aws_profile": "--profile",
    "--aws_region": "--region",
    "--target_user": "--user",
    "--output_format": "--output-format",
}
SWITCHES = {"--dry_run": "--dry-run", "--cleanup_inactive": "--cleanup-inactive"}


def main():
    words = flags(sys.argv[1:])
    if not any(word.split("=")[0] in ("--output-format", "-h", "--help") for word in words):
        words += ["--output-format", "json"]
    command = command_from(os.environ.get("ROTATE_IAM_KEYS", ""))
    try:
        os.execvp(command[0], command + words)
    except OSError as error:
        refuse(
            f"{command[0]} cannot be run ({error.strerror})",
            "install keyturn on the gateway, or set ROTATE_IAM_KEYS to the command",
        )


def command_from(text):
    try:
        return shlex.split(text) or ["rotate-iam-keys"]
    except ValueError as error:
        refuse(f"ROTATE_IAM_KEYS is no command ({error})", "close its quotes, such as '/opt/my node/bin/node' /opt/main.js")


def flags(arguments):
    """The parameters as flags of rotate-iam-keys. One that nobody filled in is left out."""
    words = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in SWITCHES:
            words += [SWITCHES[name]] if switched_on(name, value if equals else "true") else []
        elif name in VALUES:
            if not equals:
                refuse(f"{name[2:]} has no value", f"pass it as {name}=VALUE, as the gateway does")
            if name == "--days_threshold":
                check_days(value)
            words += [f"{VALUES[name]}={value}"] if value != "" else []
        else:
            words.append(argument)
    return words


def switched_on(name, text):
    if text.lower() not in ("true", "false", ""):
        refuse(f"{name[2:]} is neither true nor false: {text!r}", f"--set {name[2:]}=true")
    return text.lower() == "true"


def check_days(text):
    if text != "" and not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= 365):
        refuse(f"days_threshold is no whole number from 1 to 365: {text!r}", "--set days_threshold=90")


def refuse(message, hint):
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
