#!/bin/sh
# Prints the access key that a secret serves now, as the AWS CLI and SDKs want it of a `credential_process`. It is called when a
# deployment needs the key: so every deployment has the newest one, and the secret is in no file and in no variable.
#
#   aws configure set credential_process "/path/to/read-key.sh dev/app-bot" --profile app-bot
#   aws s3 ls s3://bucket --profile app-bot
#
# It reads the secret with the credentials of the environment, such as those of the pipeline's own role: not with a profile, which
# may be the very one that called it.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: read-key.sh SECRET" >&2
  exit 2
fi
unset AWS_PROFILE AWS_DEFAULT_PROFILE

value=$(aws secretsmanager get-secret-value --secret-id "$1" --version-stage AWSCURRENT --query SecretString --output text)
printf '%s' "$value" | jq -e 'if .Key and .Secret
  then {Version: 1, AccessKeyId: .Key, SecretAccessKey: .Secret}
  else error("the secret holds no key yet: has it been rotated?") end'
